"""Language, sentences, clauses, plain text and tokens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.language.sentences import MAX_SENTENCE, clauses, ends_complete, sentences
from rag.language.text import content_tokens, for_embedding, identify, plain, tokens
from rag.types import LANGS, Lang

# What sentences, marks and scripts are made of, so that examples come near the rules instead of being noise.
PIECES = st.sampled_from(
    [
        *"aB.!?。！？“”„\"'()[]*_#>`-\n\t 1️⃣中文年😀𠮷",
        "z. B. ",
        "Dr. ",
        "Mr. ",
        " am 3. ",
        "**",
        "他说",
        "\r",
        "\u200b",
        "km/h. ",
        "\xa0",
        "\u3000",
        "\x85",
    ]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=60).map("".join), st.text(max_size=60))


def split(text: str, lang: Lang) -> list[str]:
    return [text[a:b] for a, b in sentences(text, lang)]


# --- Language ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("Who founded Scale AI?", "en"),
        ("What is the valuation?", "en"),
        ("How much?", "en"),
        ("When did the war end?", "en"),
        ("Wer hat Scale AI gegründet?", "de"),
        ("Wie hoch ist die Bewertung?", "de"),
        ("Und wann war das?", "de"),
        ("Scale AI是谁创立的？", "zh"),
        ("OpenAI和Meta呢？", "zh"),
        ("估值多少", "zh"),
        ("Who is 王传福?", "en"),
        ("What about 何小鹏?", "en"),
        ("IT行业", "zh"),
        ("iPhone出货量", "zh"),
        ("Wer ist 屠呦呦 und was hat sie entdeckt?", "de"),
        ("Tu Youyou (屠呦呦) was born in Ningbo (宁波) in 1930.", "en"),
        ("Alexandr Wang创立了Scale AI，专注于LLM training data", "zh"),
        ("", "en"),
        ("42", "en"),
        ("?!", "en"),
    ],
)
def test_language_of_questions_names_and_mixed_text(text: str, lang: Lang) -> None:
    assert identify(text)[0] == lang


def test_text_without_letters_is_no_evidence_for_any_language() -> None:
    assert identify("2016 – 2024") == ("en", 1 / 3)


@given(TEXTS | st.text(st.characters(), max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_text_has_one_of_the_three_languages(text: str) -> None:
    lang, sure = identify(text)
    assert lang in LANGS
    assert 1 / 3 <= sure <= 1.0001


# --- Sentences ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parts",
    [
        ["Er kam z. B. aus Ulm.", "Sie kam u. a. aus Berlin."],
        ["Kritik kam u. a. aus der CDU und der CSU.", "Dann war Schluss."],
        ["Dr. Meier kam am 1. Januar 2024.", "Er blieb."],
        ["Er spielt in der 2. Bundesliga.", "Im 19. Jahrhundert gab es sie nicht."],
        ["Im 18. und 19. Jahrhundert wuchs Ulm.", "Heute nicht."],
        ["Sie spielten in der 1. Liga und 2. Liga."],
        ["Am 15. und 16. Mai kam er.", "Er ging am 17."],
        ["Die Bewertung stieg auf 13,8 Milliarden.", "Das ist viel."],
        ["Der Zug fährt 250 km/h.", "Weil er neu ist, ist er leise."],
        ["Der Mast ist 12 m.", "Danach kommt die Spitze."],
        ["Er wog 5 kg.", "Das ist wenig."],
        ["Das war 50 v. Chr. in Rom.", "Dann kam Caesar."],
        ["Das kostet 5 Mio. Euro.", "Mehr nicht."],
        ["Die Fa. Müller wächst.", "Sie sucht Leute."],
        ["Siehe Abs. 3 Nr. 4.", "Danach gilt es."],
        ["Er sagte: „Das ist gut.“", "Dann ging er."],
        ["Sie fragte „Wer bin ich?“ und ging."],
        ["Das geschah 2016.", "Bayern wurde Zweiter."],
        ["Wer?", "Ich!", "Warum?!"],
    ],
)
def test_german_sentences(parts: list[str]) -> None:
    assert split(" ".join(parts), "de") == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["The U.S. Senate voted.", "He left."],
        ["Mr. Smith met Ms. Lee and Dr. Wu at 5 p.m. on Monday.", "They left."],
        ["It raised $1.5bn.", "Inflation was 3.2%."],
        ["“It is good,” he said.", "“Very good.”", "They left."],
        ['He asked "Why?" and left.'],
        ["John B. Goodenough and J. K. Rowling met.", "It rained."],
        ["He moved to Washington, D.C. in 1990.", "St. Louis is nice."],
        ["Visit example.com today.", "Python 3.11.2 is out."],
        ["The car does 60 km/h.", "Then it stops."],
    ],
)
def test_english_sentences(parts: list[str]) -> None:
    assert split(" ".join(parts), "en") == parts


@pytest.mark.parametrize(
    "parts",
    [
        ["公司筹集了10亿美元。", "估值为138.5亿美元！"],
        ["“我们很好。”他说。", "然后走了。"],
        ["“你去吗？”王传福问道。", "没有人回答。"],
        ["他说：“我们很好。”", "然后走了。"],
        ["他说：「好。」", "然后走了。"],
        ["他喊道：“快跑！！！”", "大家都跑了。"],
        ["真的吗？", "是的。"],
        ["他来自St. Louis。", "她来自U.S. 公司。"],
        ["第一句；还是第一句，没完。", "第二句"],
    ],
)
def test_chinese_sentences(parts: list[str]) -> None:
    assert split("".join(parts), "zh") == parts


@pytest.mark.parametrize("lang", LANGS)
def test_offsets_are_right_after_emoji_and_rare_ideographs(lang: Lang) -> None:
    text = "😀😀 Hello 👨‍👩‍👧 world. Next 🇩🇪 one! 𝔘nicode 𠮷田 here."
    assert split(text, lang) == ["😀😀 Hello 👨‍👩‍👧 world.", "Next 🇩🇪 one!", "𝔘nicode 𠮷田 here."]


def test_a_number_of_a_list_stays_with_its_item() -> None:
    assert split("1. Ulm gewann. Bonn verlor.", "de") == ["1. Ulm gewann.", "Bonn verlor."]


def test_a_wrapped_line_goes_on_in_the_next_one() -> None:
    text = (
        "The company raised one billion dollars in its latest\n"
        "funding round. The money came from Accel and from Dr.\n"
        "Meier, who had invested before."
    )
    assert [" ".join(s.split()) for s in split(text, "en")] == [
        "The company raised one billion dollars in its latest funding round.",
        "The money came from Accel and from Dr. Meier, who had invested before.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Berlin\nHamburg\nMünchen",
        "Name: Scale AI\nGründer: Alexandr Wang",
        "- Microsoft, Toyota und das US-Verteidigungsministerium\n- Meta",
        "Bewertung auf 13,8 Milliarden gestiegen\n" + "Die Bewertung ist mit der neuen Runde deutlich gestiegen, " * 4,
        "Erste Zeile\n\nZweite Zeile",
        "Erste Zeile\n   \nZweite Zeile",
    ],
)
def test_a_line_that_was_not_wrapped_is_a_sentence_of_its_own(text: str) -> None:
    assert split(text, "de") == [line.strip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("**Ja.** Nein. *So.* __Gut.__", "de", ["**Ja.**", "Nein.", "*So.*", "__Gut.__"]),
        ("**公司很好。**他们**走了。**", "zh", ["**公司很好。**", "他们**走了。**"]),
        ("公司很好。**他们**走了。", "zh", ["公司很好。", "**他们**走了。"]),
    ],
)
def test_the_mark_that_ends_an_emphasis_stays_with_its_sentence(text: str, lang: Lang, expected: list[str]) -> None:
    assert split(text, lang) == expected


def test_marks_alone_are_no_sentence() -> None:
    assert split("---\n\n**\n\nText.", "en") == ["Text."]


@pytest.mark.parametrize(
    "line", ["“" * 200_000, "Am 1. " * 33_000, "a" * 200_000, "中" * 200_000, "Ja. „Nein " * 20_000]
)
@pytest.mark.parametrize("lang", ["zh", "de"])
def test_an_endless_line_comes_back_in_pieces_of_bounded_length(line: str, lang: Lang) -> None:
    spans = sentences(line, lang)
    assert max(end - start for start, end in spans) <= MAX_SENTENCE
    assert "".join(line[a:b] for a, b in spans).replace(" ", "") == line.replace(" ", "")


@given(TEXTS, st.sampled_from(LANGS))
@settings(max_examples=100, deadline=None)
def test_sentences_are_in_order_and_hold_every_word(text: str, lang: Lang) -> None:
    spans = sentences(text, lang)
    ends = [0, *(end for _, end in spans)]
    assert all(before <= start < end for before, (start, end) in zip(ends, spans, strict=False))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    kept = "".join(text[start:end] for start, end in spans)
    assert [c for c in kept if c.isalnum()] == [c for c in text if c.isalnum()]


@pytest.mark.parametrize("space", ["\x85", "\xa0", "\u2009", "\u2028", "\u202f", "\u3000"])
@pytest.mark.parametrize("lang", LANGS)
def test_no_kind_of_space_stops_the_splitter(space: str, lang: Lang) -> None:
    for text in (f"B{space}.]", f"Von J.{space}K.{space}Rowling. Gut.", f"A{space}. A{space}."):
        kept = "".join(split(text, lang))
        assert [c for c in kept if not c.isspace()] == [c for c in text if not c.isspace()]


def test_abbreviations_with_a_space_that_does_not_break() -> None:
    assert split("Er kam z.\xa0B. aus Ulm. Gut.", "de") == ["Er kam z.\xa0B. aus Ulm.", "Gut."]


def test_half_of_a_surrogate_pair_does_not_stop_the_splitter() -> None:
    assert split("One \ud800 word. Two words.", "en") == ["One \ud800 word.", "Two words."]


# --- Clauses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "lang", "expected"),
    [
        (
            "Scale AI raised $1bn, which doubled its valuation.",
            "en",
            ["Scale AI raised $1bn", "which doubled its valuation."],
        ),
        ("Die Runde brachte 13,8 Milliarden Dollar.", "de", ["Die Runde brachte 13,8 Milliarden Dollar."]),
        ("公司筹集了十亿美元，2016年由王创立于旧金山。", "zh", ["公司筹集了十亿美元", "2016年由王创立于旧金山。"]),
        ("Yes, of course, it did.", "en", ["Yes, of course, it did."]),
        ("", "en", [""]),
    ],
)
def test_clauses_are_cut_at_commas_but_not_inside_numbers(sentence: str, lang: Lang, expected: list[str]) -> None:
    assert clauses(sentence, lang) == expected


# --- Finished sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["Ja.", "Ja!", "好。", "好？”", "Es war „gut.“", "**Ja.** ", "(Yes.)", "Nun…", "他说：「好。」"]
)
def test_finished(text: str) -> None:
    assert ends_complete(text)


@pytest.mark.parametrize(
    "text", ["", "Ja", "训练其生成式人工", 'the "tech cold', "2016", "Dollar,", "**Ja**", "3.5 Mio"]
)
def test_not_finished(text: str) -> None:
    assert not ends_complete(text)


# --- Plain text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("为训练**人工智能模型**提供*标签*数据", "为训练人工智能模型提供标签数据"),
        ("***wichtig*** und **a *b* c** und _so_", "wichtig und a b c und so"),
        ("*a **b** c*", "a b c"),
        ("## **Titel** ", "Titel"),
        ("> - **Frage?**", "Frage?"),
        ("[Wiki](https://en.wikipedia.org/wiki/A_(b)) sagt", "Wiki sagt"),
        ("![Bild](x.png)", "Bild"),
        ("~~weg~~ `code`", "weg code"),
        ("eine\nZeile  mit\tLücken", "eine Zeile mit Lücken"),
        ("神经\n网络。\n很好", "神经网络。很好"),
        ("Bundes\u00adtag und \u200bRat\ufeff", "Bundestag und Rat"),
        # Not marks, but words:
        ("5*3*2 = 30", "5*3*2 = 30"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("Kund*innen und Mitarbeiter*innen", "Kund*innen und Mitarbeiter*innen"),
        ("a_b_c und https://x.org/a_b_c", "a_b_c und https://x.org/a_b_c"),
        ("C# und F#", "C# und F#"),
        ("-5 Grad", "-5 Grad"),
        ("[1] sagt", "[1] sagt"),
    ],
)
def test_plain_takes_marks_and_leaves_words(marked: str, expected: str) -> None:
    assert plain(marked) == expected


@given(st.text("ab中 *_~`[]()#>-\n", max_size=60))
@settings(max_examples=100, deadline=None)
def test_plain_keeps_all_letters_that_are_not_in_a_link_target(text: str) -> None:
    without_links = text.replace("](", "] (")
    assert [c for c in plain(without_links) if c.isalnum()] == [c for c in without_links if c.isalnum()]


@pytest.mark.parametrize("piece", ["[", "[a](", "**a ", "~~a ", "`a ", "*a", "- ", "> ", " ", "(", "# ", "_", "!["])
def test_plain_of_a_long_line_of_marks_comes_back(piece: str) -> None:
    assert "x" in plain(piece * (200_000 // len(piece)) + " x")


@pytest.mark.parametrize(
    ("written", "embedded"),
    [
        ("Mitarbeiter;innen und Investor:innen", "Mitarbeiter und Investoren"),
        ("Kund*innen und Mitarbeiter*innen", "Kunden und Mitarbeiter"),
        ("Student_innen", "Studenten"),
        ("die Kanzler:in", "die Kanzler"),
        ("**Scale** raised $1bn", "Scale raised $1bn"),
        ("at 5:innings", "at 5:innings"),
    ],
)
def test_gender_forms_are_embedded_as_an_encoder_has_seen_them(written: str, embedded: str) -> None:
    assert for_embedding(written) == embedded


# --- Tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "lang"),
    [
        ("13,8", "13.8", "de"),
        ("1.000.000", "1,000,000", "en"),
        ("1,000,000", "1000000", "en"),
        ("Häuser", "Haus", "de"),
        ("STRASSE", "Straße", "de"),
        ("Größe", "GRÖSSE", "de"),
        ("ＡＢＣ１２", "abc12", "zh"),
        ("companies", "Company", "en"),
        ("Bundes\u00adtag", "Bundestag", "de"),
    ],
)
def test_spellings_of_the_same_word_are_one_token(one: str, other: str, lang: Lang) -> None:
    assert tokens(one, lang) == tokens(other, lang)


@pytest.mark.parametrize(("one", "other"), [("13,8", "138"), ("1.5", "15"), ("7.53450", "753450")])
def test_different_numbers_are_different_tokens(one: str, other: str) -> None:
    assert tokens(one, "en") != tokens(other, "en")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("数据", ["数", "数据", "据"]),
        ("由Alexandr创立", ["由", "alexandr", "创", "创立", "立"]),
        ("AI和IT", ["ai", "和", "it"]),
        ("二〇二四", ["二", "二〇", "〇", "〇二", "二", "二四", "四"]),
        ("𠮷田", ["𠮷", "𠮷田", "田"]),
    ],
)
def test_chinese_tokens_are_characters_and_pairs_and_latin_names_are_words(text: str, expected: list[str]) -> None:
    assert tokens(text, "zh") == expected


@pytest.mark.parametrize(
    ("text", "lang", "expected"),
    [
        ("Who founded Scale AI and when?", "en", ["found", "scale", "ai"]),
        ("When did the war end?", "en", ["war", "end"]),
        ("Did the man die?", "en", ["man", "die"]),
        ("Wann war das Ende?", "de", ["end"]),
        ("Was sagt die WHO?", "de", ["sagt", "who"]),
        ("谁创立了公司？", "zh", ["创", "创立", "立", "公", "公司", "司"]),
        ("Was ist das?", "de", []),
        ("", "zh", []),
    ],
)
def test_content_tokens_leave_grammar_out_and_keep_what_means_something(
    text: str, lang: Lang, expected: list[str]
) -> None:
    assert content_tokens(text, lang) == expected


@given(TEXTS, st.sampled_from(LANGS))
@settings(max_examples=100, deadline=None)
def test_tokens_hold_no_white_space_and_content_tokens_are_some_of_them(text: str, lang: Lang) -> None:
    found = tokens(text, lang)
    assert all(token and not any(c.isspace() for c in token) for token in found)
    assert set(content_tokens(text, lang)) <= set(found)
