"""Passages: what is joined, what is cut, and what every passage promises."""

from __future__ import annotations

from itertools import pairwise

import pytest
from conftest import SAMPLES, shared_folder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.errors import ArticleError
from rag.ingesting.folders import find_files
from rag.language.sentences import MAX_SENTENCE, ends_complete
from rag.reading.articles import parse_article, read_article
from rag.reading.chunking import MERGE_BELOW, SPLIT_ABOVE, Chunk, chunk
from rag.types import LANGS, Article, Lang

SENTENCE: dict[Lang, str] = {
    "zh": "总部位于旧金山的初创公司在最新一轮融资中成功筹集了10亿美元，估值为138.5亿美元。",
    "en": "The company from San Francisco has raised $1.5 billion in its latest round of funding. ",
    "de": "Das Unternehmen aus Ulm, z. B. bekannt vom 1. Mai, hat 13,8 Milliarden Dollar eingesammelt. ",
}
HEADING: dict[Lang, str] = {"zh": "## 融资", "en": "## The funding", "de": "## Die Runde"}


def parse(text: str, article_id: str = "id") -> Article:
    return parse_article(text, article_id, "a.md")


def chunks(text: str) -> list[Chunk]:
    return chunk(parse(text))


def texts(text: str, kind: str = "body") -> list[str]:
    return [c.passage.text for c in chunks(text) if c.passage.kind == kind]


def letters(text: str) -> str:
    return "".join(c for c in text if c.isalnum())


def check(article: Article) -> None:
    """What holds for the passages of every article."""
    made = chunk(article)
    ids = [c.passage.passage_id for c in made]
    assert len(set(ids)) == len(ids)
    for c in made:
        passage = c.passage
        assert article.text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip()
        assert c.sentences
        for span in c.sentences:
            assert passage.start <= span.start < span.end <= passage.end
            assert article.text[span.start : span.end] == span.text
        assert all(before.end <= after.start for before, after in pairwise(c.sentences))
    taken = sorted((c.passage.start, c.passage.end) for c in made)
    assert all(before[1] <= after[0] for before, after in pairwise(taken))
    for section in article.sections:
        body = [c.passage for c in made if c.passage.kind == "body" and c.passage.lang == section.lang]
        assert letters("".join(p.text for p in body)) == letters("".join(b.span.text for b in section.blocks))


# --- Joining and cutting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", LANGS)
def test_a_paragraph_is_a_passage(lang: Lang) -> None:
    paragraph = (SENTENCE[lang] * 4).strip()
    assert texts(f"{paragraph}\n\n{paragraph}") == [paragraph, paragraph]


@pytest.mark.parametrize("lang", LANGS)
def test_a_short_paragraph_joins_its_neighbour(lang: Lang) -> None:
    long, short = (SENTENCE[lang] * 3).strip(), SENTENCE[lang].strip()[: MERGE_BELOW[lang] - 10]
    assert texts(f"{long}\n\n{short}.\n") == [f"{long}\n\n{short}."]


@pytest.mark.parametrize("lang", LANGS)
def test_short_paragraphs_under_different_headings_stay_apart(lang: Lang) -> None:
    short = SENTENCE[lang].strip()
    assert texts(f"{short}\n\n{HEADING[lang]}\n\n{short}") == [short, short]


def test_what_lies_between_paragraphs_keeps_them_apart() -> None:
    short = SENTENCE["en"].strip()
    assert texts(f"{short}\n\n<!-- hidden -->\n\n{short}") == [short, short]
    assert texts(f"{short}\n\nhttps://a.org\n\n{short}") == [short, short]


def test_many_short_paragraphs_do_not_grow_into_one() -> None:
    lines = "\n\n".join(f"Absatz Nummer {i} ist kurz und endet hier." for i in range(40))
    assert max(map(len, texts(lines))) < 3 * MERGE_BELOW["de"]


@pytest.mark.parametrize("lang", LANGS)
def test_a_long_paragraph_is_cut_between_sentences_into_about_equal_parts(lang: Lang) -> None:
    count = SPLIT_ABOVE[lang] * 5 // 2 // len(SENTENCE[lang])
    parts = texts((SENTENCE[lang] * count).strip())
    assert len(parts) == 4
    assert all(len(part) <= SPLIT_ABOVE[lang] and ends_complete(part) for part in parts)
    assert max(map(len, parts)) <= 2 * min(map(len, parts))
    assert letters("".join(parts)) == letters(SENTENCE[lang] * count)


@pytest.mark.parametrize("piece", ["a", "中", "Wort ", "“"])
def test_a_paragraph_without_an_end_is_cut_all_the_same(piece: str) -> None:
    parts = texts(f"x{piece * 20_000}x")
    assert max(map(len, parts)) <= MAX_SENTENCE
    assert letters("".join(parts)) == letters(f"x{piece * 20_000}x")


def test_a_passage_knows_its_article_and_heading() -> None:
    text = f"---\ntitle: T\nurl: https://a.org\nauthor: ft\ndate: 2024-05-21\n---\n## H\n\n{SENTENCE['en'] * 3}"
    [made] = chunks(text)
    passage = made.passage
    assert (passage.title, passage.url, passage.author, passage.date) == ("T", "https://a.org", "ft", "2024-05-21")
    assert (passage.heading, passage.kind, passage.lang, passage.file) == ("H", "body", "en", "a.md")


def test_sentences_of_a_passage_may_be_said() -> None:
    [made] = chunks("Ada war es. **Sie kam aus Ulm.** Und Bob, z. B. am 1. Mai, kam auch.")
    assert [span.text for span in made.sentences] == [
        "Ada war es.",
        "**Sie kam aus Ulm.**",
        "Und Bob, z. B. am 1. Mai, kam auch.",
    ]


# --- Pairs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "passages", "said"),
    [
        (
            "## Q&A\n\n- Who was it?\n  - Answer: Ada. She did.",
            ["Who was it?\n  - Answer: Ada. She did."],
            [["Ada.", "She did."]],
        ),
        ("## Q&A\n\n- When?\n  - Answer: 2016", ["When?\n  - Answer: 2016"], [["2016"]]),
        ("## Q&A\n\n- Who?\n  - Answer: Ada. Then she", ["Who?\n  - Answer: Ada."], [["Ada."]]),
        ("## 问与答：\n\n**- 谁？** \n\n  - Answer:王创立。他后", ["谁？** \n\n  - Answer:王创立。"], [["王创立。"]]),
        ("## Fragen\n\n- Wer?\n  - Antwort: Ada und auch", ["Wer?\n  - Antwort: Ada und auch"], [["Ada und auch"]]),
        ("## Fragen\n\n- Wer?\n  - Antwort: Ada, Bob,", [], []),
        ("## Q&A\n\n- Who?\n- Why?\n  - Answer: So.", ["Why?\n  - Answer: So."], [["So."]]),
    ],
)
def test_a_pair_is_a_passage_that_ends_in_a_finished_sentence(
    section: str, passages: list[str], said: list[list[str]]
) -> None:
    text = f"# A title\n\n{SENTENCE['en'] * 3}\n\n{section}\n"
    pairs = [c for c in chunks(text) if c.passage.kind == "qa"]
    assert [c.passage.text for c in pairs] == passages
    assert [[span.text for span in c.sentences] for c in pairs] == said


# --- Ids ---------------------------------------------------------------------------------------------------


def test_ids_are_the_same_at_each_reading_and_differ_between_articles() -> None:
    text = f"# T\n\n{SENTENCE['de'] * 4}\n\n{SENTENCE['de'] * 4}\n\n## FAQ\n\n- Wer?\n  - Antwort: Ada."
    one, again, other = (
        [c.passage.passage_id for c in chunk(parse(text, article_id))] for article_id in ("a", "a", "b")
    )
    assert one == again
    assert len({*one, *other}) == 6


def test_an_id_changes_when_the_text_does() -> None:
    [before], [after] = chunks("Ada war es."), chunks("Bob war es.")
    assert before.passage.passage_id != after.passage.passage_id


# --- Every article -----------------------------------------------------------------------------------------


def test_the_sample_articles() -> None:
    for file in find_files(SAMPLES):
        check(read_article(file, SAMPLES))


@pytest.mark.parametrize("name", ["seeds", "bench"])
def test_articles_to_measure_with(name: str) -> None:
    folder = shared_folder(name)
    files = find_files(folder)
    assert files
    for file in files[:: max(1, len(files) // 100)]:
        check(read_article(file, folder))


LINES = st.sampled_from(
    [
        "# T", "## Q&A", "- Q?", "Answer: Ada. Then", "答：王。后", "---", "<!-- x -->", "https://b.org", "", "", "",
        "Kurz", "- x", "1. y", "😀 𠮷。", "“好。”他说。", "**fett** und", "Das ist kurz.",
        *SENTENCE.values(), *(sentence * 20 for sentence in SENTENCE.values()), "“" * 3000,
    ]
)  # fmt: skip


@given(st.one_of(st.lists(LINES, max_size=20).map("\n".join), st.text(max_size=200)))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_passages_of_any_text_never_overlap_and_hold_every_word(text: str) -> None:
    try:
        article = parse(text)
    except ArticleError:
        return
    check(article)
