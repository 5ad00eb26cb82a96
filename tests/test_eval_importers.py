"""Question sets of other formats: imported whole, read back by the product, and asked as they were."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import shared_folder

from eval.dataset import Case, DatasetError, load_questions
from eval.importers import writing
from eval.importers.beir import import_beir
from eval.importers.squad import import_squad
from eval.importers.writing import Imported, file_name
from rag.ingesting.folders import find_files
from rag.reading.articles import read_article
from rag.reading.chunking import chunk
from rag.types import Article, Lang

DATA = Path(__file__).parent / "data"
SQUAD = DATA / "squad"
BEES = DATA / "beir" / "bees"


def squad(name: str, lang: Lang, tmp_path: Path, context_lang: Lang | None = None) -> Imported:
    return import_squad(SQUAD / name, lang, tmp_path / "out", context_lang)


def articles(out: Path) -> list[Article]:
    return [read_article(file, out / "articles") for file in find_files(out / "articles")]


def questions(out: Path) -> dict[str, Case]:
    return {case.id: case for case in load_questions(out / "questions.jsonl")}


def said(article: Article) -> str:
    """All that can be found and quoted, without white space."""
    return "".join("".join(made.passage.text for made in chunk(article)).split())


def write_squad(folder: Path, contexts: Sequence[str], answers: Sequence[object] = ("x",)) -> Path:
    """A file in which every paragraph has one question."""
    paragraphs = [
        {"context": context, "qas": [{"id": f"q{number}", "question": "Who?", "answers": [*answers]}]}
        for number, context in enumerate(contexts)
    ]
    file = folder / "set.json"
    file.write_text(json.dumps({"data": [{"title": "The Title", "paragraphs": paragraphs}]}), encoding="utf-8")
    return file


# --- SQuAD's format ----------------------------------------------------------------------------------------


def test_a_paragraph_becomes_an_article_with_its_title_text_and_own_link(tmp_path: Path) -> None:
    done = squad("squad-1.1.en.json", "en", tmp_path)
    assert (done.articles, done.questions, done.unanswerable, done.left_out) == (2, 4, 0, ())
    first, second = articles(done.out)
    assert (first.title, second.title) == ('Kell Point: a "light" #1', 'Kell Point: a "light" #1')
    assert [block.span.text for block in first.sections[0].blocks] == [
        "The lighthouse at Kell Point was lit in 1871. Mr. J. Ward kept it for 40 years."
    ]
    assert [block.span.text for block in second.sections[0].blocks] == ["Its lamp burned oil until 1925."]
    assert first.url and second.url and first.url != second.url
    assert [section.qa for article in (first, second) for section in article.sections] == [(), ()]


def test_a_question_knows_its_answers_its_article_and_the_sentence_that_holds_the_answer(tmp_path: Path) -> None:
    done = squad("squad-1.1.en.json", "en", tmp_path)
    link = articles(done.out)[0].url
    assert link
    assert load_questions(done.out / "questions.jsonl")[:2] == [
        Case(
            id="q1",
            question="When was the lighthouse lit?",
            question_lang="en",
            answers=("1871", "in 1871"),
            source_links=(link,),
            gold_text="The lighthouse at Kell Point was lit in 1871.",
            kind="same_language",
        ),
        Case(
            id="q2",
            question="Who kept the lighthouse?",
            question_lang="en",
            answers=("Mr. J. Ward",),
            source_links=(link,),
            gold_text="Mr. J. Ward kept it for 40 years.",
            kind="same_language",
        ),
    ]


def test_the_questions_file_has_the_keys_of_the_format(tmp_path: Path) -> None:
    squad("xquad.zh.json", "zh", tmp_path)
    line = (tmp_path / "out" / "questions.jsonl").read_text(encoding="utf-8").split("\n")[0]
    keys = ["id", "question", "question_lang", "answers", "source_links", "gold_text", "answerable", "kind"]
    assert list(json.loads(line)) == keys
    assert "谁启用了这座桥？" in line


def test_a_paragraph_that_is_there_twice_is_one_article_and_a_repeated_id_gets_a_number(tmp_path: Path) -> None:
    found = questions(squad("squad-1.1.en.json", "en", tmp_path).out)
    assert list(found) == ["q1", "q2", "q3", "q1-2"]
    assert found["q1-2"].answers == ("40 years",)
    assert found["q1-2"].source_links == found["q1"].source_links


def test_what_squad_2_marks_impossible_cannot_be_answered_and_plausible_answers_are_none(tmp_path: Path) -> None:
    done = squad("squad-2.en.json", "en", tmp_path)
    assert questions(done.out)["g2"] == Case(
        id="g2", question="When was glass invented?", question_lang="en", answerable=False, kind="unanswerable"
    )
    assert (done.questions, done.unanswerable) == (2, 1)


def test_a_question_without_text_or_answer_is_left_out_and_named(tmp_path: Path) -> None:
    assert squad("squad-2.en.json", "en", tmp_path).left_out == (
        "question g3: has no text",
        "question g4: has no answer and is not marked impossible",
    )


def test_german_quad_has_numbers_for_ids_no_titles_and_headings_that_stay_in_the_text(tmp_path: Path) -> None:
    done = squad("germanquad.de.json", "de", tmp_path)
    (article,) = articles(done.out)
    assert (article.title, article.langs) == ("000001-data-0-paragraphs-0", ("de",))
    assert said(article).startswith("Leuchtturm_Hohe_Düne===Geschichte===DerTurmwurde")
    found = questions(done.out)
    assert found["4711"].answers == ("am 3. Mai 1904", "3. Mai 1904")
    assert found["4711"].gold_text == "Der Turm wurde am 3. Mai 1904 eingeweiht."
    assert found["4712"].gold_text == "Er ist 21 m hoch."  # its offset in the file is wrong


def test_drcd_is_read_in_traditional_chinese(tmp_path: Path) -> None:
    done = squad("drcd.zh.json", "zh", tmp_path)
    (article,) = articles(done.out)
    assert (article.title, article.langs) == ("淡水燈塔", ("zh",))
    case = questions(done.out)["2128-1-2"]
    assert (case.answers, case.gold_text) == (("林先生",), "燈塔的第一任看守人是林先生。")


@pytest.mark.parametrize("name", ["cmrc-2018.zh.json", "cmrc-2018-squad-style.zh.json"])
def test_cmrc_is_read_in_both_of_its_shapes(name: str, tmp_path: Path) -> None:
    done = squad(name, "zh", tmp_path)
    (article,) = articles(done.out)
    assert (article.title, article.langs) == ("白鹭湖公园", ("zh",))
    found = questions(done.out)
    assert found["DEV_0_QUERY_0"].question == "公园在哪里？"
    assert found["DEV_0_QUERY_0"].answers == ("市区北部", "位于市区北部")
    assert found["DEV_0_QUERY_0"].gold_text == "白鹭湖公园位于市区北部，占地约30公顷。"
    assert found["DEV_0_QUERY_1"].gold_text == "公园于1998年对外开放，湖中有三座小岛。"


def test_a_question_whose_answer_the_paragraph_does_not_hold_stays_without_gold_text(tmp_path: Path) -> None:
    done = squad("cmrc-2018.zh.json", "zh", tmp_path)
    case = questions(done.out)["DEV_0_QUERY_2"]
    assert (case.answers, case.gold_text, case.answerable) == (("3座",), None, True)
    assert done.left_out == ("gold text of question DEV_0_QUERY_2: its paragraph holds none of its answers",)


def test_mlqa_across_languages_is_asked_in_one_and_read_in_the_other(tmp_path: Path) -> None:
    done = squad("mlqa-context-en-question-de.json", "de", tmp_path, "en")
    assert articles(done.out)[0].langs == ("en",)
    case = questions(done.out)["0a1"]
    assert (case.question_lang, case.kind) == ("de", "cross_lingual")
    assert case.gold_text == "It was opened by Queen Maud in 1911."
    record = json.loads((done.out / "import.json").read_text(encoding="utf-8"))
    assert (record["lang"], record["context_lang"]) == ("de", "en")


def test_an_answer_that_runs_over_the_end_of_a_sentence_has_both_as_gold_text(tmp_path: Path) -> None:
    found = questions(squad("xquad.zh.json", "zh", tmp_path).out)
    assert found["x1"].gold_text == "它由莫德女王于1911年启用。"
    assert found["x2"].gold_text == "“极光桥”长412米。它由莫德女王于1911年启用。"


@pytest.mark.parametrize(
    ("start", "gold"),
    [(0, "Ada met Bo."), (12, "Bo met Cy."), (14, "Bo met Cy."), (99, "Cy met Bo."), (-5, "Ada met Bo.")],
)
def test_of_several_places_the_nearest_to_the_offset_counts(start: int, gold: str, tmp_path: Path) -> None:
    file = write_squad(tmp_path, ["Ada met Bo. Bo met Cy. Cy met Bo."], [{"text": "Bo", "answer_start": start}])
    assert questions(import_squad(file, "en", tmp_path / "out").out)["q0"].gold_text == gold


def test_an_offset_that_is_no_number_is_as_none(tmp_path: Path) -> None:
    file = write_squad(tmp_path, ["Ada met Bo. Bo met Cy."], [{"text": " Bo ", "answer_start": None}])
    case = questions(import_squad(file, "en", tmp_path / "out").out)["q0"]
    assert (case.answers, case.gold_text) == (("Bo",), "Ada met Bo.")


def test_a_paragraph_has_the_same_link_in_every_file_of_a_set(tmp_path: Path) -> None:
    texts = ["First text of all.", "Second text of all."]
    links = []
    for name, contexts in (("one", texts), ("two", texts[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        done = import_squad(write_squad(folder, contexts), "en", folder / "out")
        links.append({said(article): article.url for article in articles(done.out)})
    assert links[0] == links[1]


@pytest.mark.parametrize(
    "context",
    [
        "---\ntitle: Evil\nurl: https://evil.example/1\n---\nThe text itself.",
        "title: Evil\nurl: https://evil.example/1\n\nThe text itself.",
        "# Heading\n\nThe text below is longer than its heading.",
        "# 标题\n正文在这里，比标题长得多，一共两句。没有别的。",
        "## Only a heading",
        "Kurze Zeile\n\nDarunter steht ein Absatz, der viel länger ist als sie.",
        "The Title\n\nThe text that the title stands over.",
        "The Title",
        "Questions & Answers\n\n- **Who founded it?**\n  - Answer: Ada Lovelace.",
        "问与答：\n\n问：谁创立了公司？\n答：王先生。",
        "## Fragen und Antworten\n\n**Wer war es?**\nAntwort: Ada Lovelace.",
        "- one item\n- another one\n\n1. a third",
        "Before.\n\n---\n\nAfter.\n\n***\n\nThe end.",
        "A [link](https://evil.example/2) inside.\n\n[Source Link](https://evil.example/3)\n\nhttps://evil.example/4",
        "[原文链接](https://evil.example/5)\n正文。",
        "https://evil.example/6",
        "    Indented text.\n\tWith a tab.  ",
        "Seen <!-- not hidden --> by all.",
        "```\ncode = 1\n```\n\n# No comment",
        "~~~\n# A fence that stays open\n\nhttps://evil.example/7",
        "摘要",
        "One line.\r\nAnother.\rAnd \u2028 one more.\x0cEnd.",
        "**Bold line**\nText of a bold line that is longer.",
        "Underlined\n==========\nThe text.",
    ],
)
def test_an_odd_paragraph_loses_no_text_and_keeps_its_own_link(context: str, tmp_path: Path) -> None:
    done = import_squad(write_squad(tmp_path, [context]), "en", tmp_path / "out")
    (article,) = articles(done.out)
    text = said(article).removeprefix("```").removesuffix("```").replace("\u2060", "")
    assert text == "".join(context.split())
    assert article.title == "The Title"
    assert article.url and re.fullmatch(r"https://example\.org/squad/[0-9a-f]{16}", article.url)
    assert not any(section.qa for section in article.sections)
    assert questions(done.out)["q0"].source_links == (article.url,)


def test_what_no_file_of_text_can_hold_is_replaced(tmp_path: Path) -> None:
    file = write_squad(tmp_path, ["Half a \ud83d pair and a \x00 zero."], [{"text": "a \x00 zero", "answer_start": 18}])
    done = import_squad(file, "en", tmp_path / "out")
    assert said(articles(done.out)[0]) == "Halfa\ufffdpairanda\ufffdzero."
    assert questions(done.out)["q0"].answers == ("a \ufffd zero",)
    assert questions(done.out)["q0"].gold_text == "Half a \ufffd pair and a \ufffd zero."


def test_a_paragraph_that_says_nothing_is_left_out_with_its_questions(tmp_path: Path) -> None:
    done = import_squad(write_squad(tmp_path, ["A text.", " \n", "*** !"]), "en", tmp_path / "out")
    assert (done.articles, list(questions(done.out))) == (1, ["q0"])
    assert [line for line in done.left_out if not line.startswith("gold text")] == [
        "data[0].paragraphs[1]: the paragraph is empty",
        'text "*** !" of The Title: cannot be read as an article',
        "question q1: none of its sources became an article",
        "question q2: none of its sources became an article",
    ]


@pytest.mark.parametrize(
    "title",
    [
        "a: b",
        "#1",
        "'q' and \"q\"",
        "NO",
        "12:30",
        "[list]",
        "{map}",
        "---",
        "| x",
        "50 %",
        "猫：狗 🐈",
        "Straße",
        "@a",
        "!b",
    ],
)
def test_a_title_is_read_back_whatever_it_means_in_yaml(title: str, tmp_path: Path) -> None:
    file = write_squad(tmp_path, ["A text."])
    file.write_text(file.read_text(encoding="utf-8").replace('"The Title"', json.dumps(title)), encoding="utf-8")
    assert articles(import_squad(file, "en", tmp_path / "out").out)[0].title == title


@pytest.mark.parametrize("name", ["../../etc/passwd", "CON", "a" * 500, "猫 🐈", "", ".hidden", "x\x00y\nz", "İ?*|<>"])
def test_a_file_name_is_one_that_every_system_takes(name: str) -> None:
    assert re.fullmatch(r"000012(-[a-z0-9-]{1,40})?\.md", file_name(12, name))


@pytest.mark.parametrize("lang", ["en", "de", "zh"])
def test_all_of_xquad_is_imported_and_every_gold_text_holds_an_answer(lang: Lang, tmp_path: Path) -> None:
    done = import_squad(shared_folder("bench/raw") / f"xquad.{lang}.json", lang, tmp_path / "out")
    assert (done.articles, done.questions, done.unanswerable, done.left_out) == (240, 1190, 0, ())
    cases = load_questions(done.out / "questions.jsonl")
    assert all(case.gold_text and any(answer in case.gold_text for answer in case.answers) for case in cases)
    found = articles(done.out)
    texts = {article.url: said(article) for article in found}
    assert len(texts) == 240
    assert all("".join((case.gold_text or "?").split()) in texts[case.source_links[0]] for case in cases)
    assert {article.langs for article in found} == {(lang,)}
    assert not any(section.qa for article in found for section in article.sections)


# --- BEIR's layout -----------------------------------------------------------------------------------------


def test_documents_become_articles_and_queries_questions_about_them(tmp_path: Path) -> None:
    done = import_beir(BEES, tmp_path / "out")
    found = articles(done.out)
    assert [(article.title, said(article), article.url) for article in found[:2]] == [
        (
            "Honey bees: a survey",
            "Honeybeesflyuptofivekilometrestofindnectar.",
            "https://example.org/bees/doc%2F1",
        ),
        (
            "000002-2",
            "Wildbeesnestintheground.TheyareactiveinApril.",
            "https://example.org/bees/..%2F..%2F2",
        ),
    ]
    assert load_questions(done.out / "questions.jsonl") == [
        Case(
            "1",
            "How far do honey bees fly?",
            "en",
            source_links=("https://example.org/bees/doc%2F1",),
            kind="retrieval",
        ),
        Case(
            "2",
            "Which bees live in the ground or in hives?",
            "en",
            source_links=(
                "https://example.org/bees/..%2F..%2F2",
                "https://example.org/bees/%E8%9C%82%20%F0%9F%90%9D",
            ),
            kind="retrieval",
        ),
    ]


def test_a_document_without_a_text_says_its_title(tmp_path: Path) -> None:
    third = articles(import_beir(BEES, tmp_path / "out").out)[2]
    assert (third.title, said(third)) == ("Die Wildbiene", "```DieWildbiene```")


def test_a_very_long_id_makes_a_short_link_and_file_name(tmp_path: Path) -> None:
    last = articles(import_beir(BEES, tmp_path / "out").out)[3]
    assert last.title == "A long name"
    assert last.url and len(last.url) < 100
    assert len(last.file) < 60


def test_what_a_collection_lacks_is_named(tmp_path: Path) -> None:
    assert import_beir(BEES, tmp_path / "out").left_out == (
        "document 4: has no text",
        "document doc/1: is there a second time",
        "question 2: asked without 1 of its sources, which became no article",
        "question 3: none of its sources became an article",
        "question 4: no document is judged relevant",
        "question 6: has no text",
        "question 7: is judged, but not in queries.jsonl",
    )


def test_another_split_asks_other_questions(tmp_path: Path) -> None:
    done = import_beir(BEES, tmp_path / "out", lang="de", split="dev")
    assert [(case.id, case.question_lang) for case in load_questions(done.out / "questions.jsonl")] == [("5", "de")]


# --- The folder of an import -------------------------------------------------------------------------------


def test_an_import_says_what_it_was_made_from(tmp_path: Path) -> None:
    done = squad("squad-2.en.json", "en", tmp_path)
    assert json.loads((done.out / "import.json").read_text(encoding="utf-8")) == {
        "source": "squad-2.en.json",
        "format": "squad",
        "files": {"squad-2.en.json": hashlib.sha256((SQUAD / "squad-2.en.json").read_bytes()).hexdigest()},
        "lang": "en",
        "context_lang": "en",
        "articles": 1,
        "questions": 2,
        "unanswerable": 1,
        "left_out": list(done.left_out),
    }
    bees = import_beir(BEES, tmp_path / "bees")
    record = json.loads((bees.out / "import.json").read_text(encoding="utf-8"))
    assert (record["source"], list(record["files"])) == ("bees", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])


def test_a_new_import_replaces_an_earlier_one_as_a_whole(tmp_path: Path) -> None:
    squad("squad-1.1.en.json", "en", tmp_path)
    squad("drcd.zh.json", "zh", tmp_path)
    assert [article.title for article in articles(tmp_path / "out")] == ["淡水燈塔"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_same_source_makes_the_same_import(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        out = import_beir(BEES, tmp_path / name).out
        files = sorted(file for file in out.rglob("*") if file.is_file())
        contents.append([(file.relative_to(out), file.read_bytes()) for file in files])
    assert contents[0] == contents[1]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert squad("drcd.zh.json", "zh", tmp_path).articles == 1


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError, match=r"out: is not empty and was not made by an import"):
        squad("drcd.zh.json", "zh", tmp_path)
    (out / "import.json").write_text('{"shipped": "boxes"}')
    with pytest.raises(DatasetError, match=r"out: is not empty and was not made by an import"):
        squad("drcd.zh.json", "zh", tmp_path)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_a_file_that_somebody_put_beside_an_import_is_not_lost(tmp_path: Path) -> None:
    out = squad("drcd.zh.json", "zh", tmp_path).out
    (out / "notes.txt").write_text("read me")
    with pytest.raises(DatasetError, match=r"notes\.txt: would be lost"):
        squad("drcd.zh.json", "zh", tmp_path)
    assert (out / "notes.txt").read_text() == "read me"


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(DatasetError, match=r"out: is a file; name a folder"):
        squad("drcd.zh.json", "zh", tmp_path)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError("disk full")])
def test_an_import_that_is_stopped_leaves_the_earlier_one_as_it_was(
    stop: type[BaseException] | BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = squad("drcd.zh.json", "zh", tmp_path).out
    written: list[Path] = []
    write = writing._write

    def write_one_only(file: Path, text: str) -> None:
        if written:
            raise stop
        written.append(file)
        write(file, text)

    monkeypatch.setattr(writing, "_write", write_one_only)
    with pytest.raises((KeyboardInterrupt, OSError)):
        squad("squad-1.1.en.json", "en", tmp_path)
    assert written and not written[0].exists()
    assert [article.title for article in articles(out)] == ["淡水燈塔"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_earlier_import_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = squad("drcd.zh.json", "zh", tmp_path).out
    rename = Path.rename

    def refuse_the_new_one(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise PermissionError("another program holds it")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(PermissionError):
        squad("squad-1.1.en.json", "en", tmp_path)
    assert [article.title for article in articles(out)] == ["淡水燈塔"]


# --- Files that are no question set ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"set\.json: is not JSON: Expecting"),
        ('"text"', r"set\.json: not in SQuAD's format: the file must be an object"),
        ('{"rows": []}', r'not in SQuAD\'s format: "data" of the file must be a list'),
        ('{"data": [1]}', r"data\[0\] must be an object"),
        ('{"data": [{"paragraphs": {}}]}', r'"paragraphs" of data\[0\] must be a list'),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', r'"context" of data\[0\]\.paragraphs\[0\] must be text'),
        ('{"data": [{"paragraphs": [{"context": "A."}]}]}', r'"qas" of data\[0\]\.paragraphs\[0\] must be a list'),
        (
            '{"data": [{"paragraphs": [{"context": "A.", "qas": [{"id": "1"}]}]}]}',
            r'"question" of data\[0\]\.paragraphs\[0\]\.qas\[0\] must be text',
        ),
        (
            '{"data": [{"paragraphs": [{"context": "A.", "qas": [{"question": "Q?", "answers": [3]}]}]}]}',
            r"an answer of data\[0\]\.paragraphs\[0\]\.qas\[0\] must be an object",
        ),
        ('{"data": []}', r"set\.json: holds no text"),
        ('{"data": [{"paragraphs": [{"context": "A.", "qas": []}]}]}', r"set\.json: holds no question to ask"),
    ],
)
def test_a_file_that_is_no_squad_is_refused_with_the_place(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        import_squad(file, "en", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set.json"]


def test_a_file_that_is_missing_or_not_utf_8_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.json: cannot be read: No such file"):
        import_squad(tmp_path / "gone.json", "en", tmp_path / "out")
    (tmp_path / "set.json").write_bytes("Größe".encode("cp1252"))
    with pytest.raises(DatasetError, match=r"set\.json: is not UTF-8 text"):
        import_squad(tmp_path / "set.json", "en", tmp_path / "out")


def copy_of_bees(folder: Path, **changes: str) -> Path:
    """The little collection with some of its files of another content, or without them."""
    names = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}
    (folder / "bees" / "qrels").mkdir(parents=True)
    for key, name in names.items():
        content = changes.get(key, (BEES / name).read_text(encoding="utf-8"))
        if content:
            (folder / "bees" / name).write_text(content, encoding="utf-8")
    return folder / "bees"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"corpus": ""},
            r"corpus\.jsonl: is missing; a BEIR folder holds corpus\.jsonl, queries\.jsonl, qrels/test\.tsv",
        ),
        ({"corpus": "{}\n"}, r'corpus\.jsonl:1: "_id" must be text that is not empty'),
        ({"corpus": '{"_id": "1", "text": 5}\n'}, r'corpus\.jsonl:1: "text" must be text'),
        ({"corpus": '\n{"_id": "1"\n'}, r"corpus\.jsonl:2: is not JSON"),
        ({"queries": "[]\n"}, r"queries\.jsonl:1: must be a JSON object"),
        ({"qrels": "query-id\tcorpus-id\tscore\n1 doc 1\n"}, r"test\.tsv:2: must be query-id, corpus-id and score"),
        ({"qrels": "1\tdoc/1\tyes\n"}, r"test\.tsv:1: must be query-id, corpus-id and score, a number"),
        ({"qrels": "query-id\tcorpus-id\tscore\n"}, r"bees: holds no question to ask"),
    ],
)
def test_a_folder_that_is_no_beir_collection_is_refused_with_the_place(
    changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    folder = copy_of_bees(tmp_path, **changes)
    with pytest.raises(DatasetError, match=message):
        import_beir(folder, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["bees"]


def test_a_split_without_judgements_is_refused_with_those_that_have_some(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train\.tsv: is missing; .* \(there are judgements for: dev, test\)"):
        import_beir(BEES, tmp_path / "out", split="train")
