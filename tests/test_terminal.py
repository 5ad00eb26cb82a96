"""``python -m rag ask`` and ``search``, over a real index, with a server beside them or without."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, settings_for
from rich.console import Console
from test_model_answers import LINKS, QUESTIONS, UNANSWERABLE, ingested
from web_fakes import make_answer, make_citation

from rag.__main__ import main
from rag.assembly.serving import open_assistant
from rag.commands.terminal import show_answer
from rag.storage.feedback import FeedbackStore
from rag.types import LANGS, Lang, Sentence


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ingested(tmp_path_factory.mktemp("terminal"), embed_model="local-fast")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # where no .env lies
    monkeypatch.setenv("RAG_EMBED_MODEL", "local-fast")


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    code = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


@pytest.mark.parametrize("lang", LANGS)
def test_an_answer_is_shown_with_its_sources(data: Path, capsys: pytest.CaptureFixture[str], lang: Lang) -> None:
    code, out, err = run(capsys, "ask", QUESTIONS[lang], "--lang", lang, "--data-dir", data)
    assert (code, err) == (0, "")
    answer, *sources = out.split("\n\n")
    assert "[1]" in answer
    first, link, quote = sources[0].splitlines()
    assert first.startswith("[1] ")
    assert link.strip() == LINKS[lang]
    assert quote.strip().startswith("“")


@pytest.mark.parametrize("lang", LANGS)
def test_a_refusal_is_said_and_told_by_the_exit_code(
    data: Path, capsys: pytest.CaptureFixture[str], lang: Lang
) -> None:
    code, out, _ = run(capsys, "ask", UNANSWERABLE[lang], "--data-dir", data)
    assert code == 1
    assert len(out.splitlines()) == 1


def test_as_json_it_is_the_object_of_the_api_and_is_kept(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "ask", QUESTIONS["zh"], "--json", "--data-dir", data)
    told = json.loads(out)
    assert (code, told["answered"], told["citations"][0]["url"]) == (0, True, LINKS["zh"])
    feedback = FeedbackStore(data / "feedback.sqlite3")
    kept = feedback.kept(told["id"])
    feedback.close()
    assert kept is not None
    assert json.loads(json.dumps(kept.answer.to_dict())) == told


def test_a_server_beside_it_is_no_hindrance(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    owner = open_assistant(settings_for(data, embed_model="local-fast"))
    try:
        expected = owner.ask(QUESTIONS["de"]).to_dict()
        code, out, _ = run(capsys, "ask", QUESTIONS["de"], "--json", "--data-dir", data)
        found = json.loads(out)
    finally:
        owner.close()
    assert code == 0
    assert found["answer"] == expected["answer"]
    assert [one["quote"] for one in found["citations"]] == [one["quote"] for one in expected["citations"]]


def test_a_search_shows_passages(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "search", "Seilbahn", "--top-k", "1", "--data-dir", data)
    assert code == 0
    assert out.startswith(
        "[1] Neue Seilbahn auf den Hohen Rauk · Rauker Bote · 2023-07-15\n    https://www.example.org/"
    )
    found = json.loads(run(capsys, "search", "Seilbahn", "--json", "--data-dir", data)[1])["results"]
    assert found[0]["url"] == LINKS["de"]


def test_filters_restrict(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["search", "Seilbahn", "--json", "--data-dir", str(data)]
    for filters, dates in ((["--from", "2024-01-01"], {"2024-03-04"}), (["--to", "2021-12-31"], {"2021-05-20"})):
        found = json.loads(run(capsys, *arguments, *filters)[1])["results"]
        assert {one["date"] for one in found} == dates
    assert run(capsys, *arguments, "--tag", "none has it")[0] == 1


def test_a_question_comes_from_standard_input(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(QUESTIONS["en"] + "\n"))
    told = json.loads(run(capsys, "ask", "-", "--json", "--data-dir", data)[1])
    assert told["question"] == QUESTIONS["en"]


def test_what_cannot_be_done_is_said(data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cases: list[tuple[list[Any], str]] = [
        (["ask", "x", "--data-dir", tmp_path / "none"], "there is no index in"),
        (["ask", "x" * 2001, "--data-dir", data], "the text has more than 2000 characters; shorten it"),
        (["ask", QUESTIONS["en"], "--answerer", "llm", "--data-dir", data], "answerer llm is not set up"),
    ]
    for arguments, message in cases:
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert message in err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["ask"], ["ask", "x", "--lang", "fr"], ["ask", "x", "--from", "May"]]
)
def test_a_wrong_option_is_refused_at_once(arguments: list[str]) -> None:
    code = "import sys; from rag.__main__ import main; assert 'llama_index' not in sys.modules; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "usage: python -m rag" in done.stderr


def test_no_article_steers_the_terminal() -> None:
    nasty = "Up\x1b[2J\x07 and \u202edown [red]x[/red]"
    citation = make_citation(quote=nasty, title=nasty, author="\x1b]8;;http://evil\x07", url="javascript:alert(1)")
    shown = io.StringIO()
    answer = make_answer(answer=f"{nasty} [1]", sentences=(Sentence(nasty, (1,), 1.0),), citations=(citation,))
    show_answer(answer, Console(file=shown, highlight=False))
    assert "\x1b" not in shown.getvalue()
    assert "\x07" not in shown.getvalue()
    assert "\u202e" not in shown.getvalue()
    assert "javascript:" not in shown.getvalue()
    assert "[red]x[/red]" in shown.getvalue()
