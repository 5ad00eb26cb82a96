"""What happens in the tab of articles when someone adds or removes, without a browser."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from web_fakes import HandMadeAssistant

from rag.errors import ForeignArticleError, LibraryError, LockedError, RagError
from rag.ingesting.ingestion import Step
from rag.ingesting.library import Added
from rag.types import ArticleSummary
from rag.web.gradio_setup import gr
from rag.web.library_list import ANY
from rag.web.library_render import LISTED
from rag.web.library_tab import Shelves, article_id_of
from rag.web.visitors import Visitors

ALL = ("", "newest", ANY, ANY, ANY)
SHOWN = (*ALL, LISTED)


class Librarian(HandMadeAssistant):
    """Takes whatever comes, step by step as it is let; ``fault`` is raised instead."""

    def __init__(self, fault: Exception | None = None) -> None:
        super().__init__()
        self.fault = fault
        self.taken: list[tuple[str, bytes]] = []
        self.may_go_on = threading.Event()

    def add(self, files: Sequence[tuple[str, bytes]], progress: Step | None = None) -> list[Added]:
        if self.fault:
            raise self.fault
        assert progress
        self.taken = list(files)
        progress("cats.md", 1, 4)
        assert self.may_go_on.wait(20)
        return [Added(name, "added", article_id="cats") for name, _ in files]

    def remove(self, article_id: str) -> Path:
        if self.fault:
            raise self.fault
        return Path("removed")

    def articles(self) -> list[ArticleSummary]:
        if isinstance(self.fault, LibraryError):
            raise self.fault
        return super().articles()


def request(lang: str = "en", username: str | None = None) -> gr.Request:
    known = {"headers": {"accept-language": lang}, "cookies": {}, "username": username}
    return cast("gr.Request", SimpleNamespace(**known))


def uploaded(folder: Path, name: str, content: bytes, orig_name: str | None = None) -> dict[str, Any]:
    """A file as Gradio hands it over: in a folder of its own."""
    path = folder / name / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return {"path": str(path), "orig_name": orig_name}


def test_an_upload_is_followed_step_by_step_and_nothing_of_it_stays_behind(tmp_path: Path) -> None:
    librarian = Librarian()
    files = [uploaded(tmp_path, "a.md", b"A", "Straße: 1.md"), uploaded(tmp_path, "b.md", b"B")]
    states = Shelves(librarian).add([*files, files[1]], *SHOWN, request("de"))
    box, told, *_ = next(states)
    assert box is None
    assert "Wird hinzugefügt" in told
    assert list(tmp_path.iterdir()) == []
    _, told, *_ = next(states)
    assert "1 von 4 gelesen: cats.md" in told
    assert "width:25%" in told
    librarian.may_go_on.set()
    _, told, listed, _ = next(states)
    assert "3 aufgenommen, 0 nicht aufgenommen" in told
    assert "Von Katzen" in listed
    assert librarian.taken == [("Straße: 1.md", b"A"), ("b.md", b"B"), ("b.md", b"B")]
    assert next(states, None) is None


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (LockedError("/secret is in use by process 7"), "The articles are being indexed"),
        (RagError("/secret"), "That did not work"),
        (OSError("/secret"), "That did not work"),
    ],
)
def test_a_fault_while_adding_is_told_plainly(tmp_path: Path, fault: Exception, message: str) -> None:
    *_, (_, told, *_) = Shelves(Librarian(fault)).add([uploaded(tmp_path, "a.md", b"A")], *SHOWN, request())
    assert message in told
    assert "secret" not in told


def test_a_file_that_is_gone_before_it_was_taken_is_told(tmp_path: Path) -> None:
    librarian = Librarian()
    librarian.may_go_on.set()
    files = [{"path": str(tmp_path / "gone" / "x.md")}, uploaded(tmp_path, "a.md", b"A")]
    *_, (_, told, *_) = Shelves(librarian).add(files, *SHOWN, request())
    assert "1 taken, 1 not taken" in told
    assert "x.md" in told


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (ForeignArticleError("/secret"), "indexed from another folder"),
        (LockedError("/secret"), "being indexed"),
        (RagError("/secret"), "did not work"),
    ],
)
def test_an_article_that_cannot_be_removed_stays_open(fault: Exception, message: str) -> None:
    *stays, question, told, listed, more = Shelves(Librarian(fault)).remove("cats 3", *SHOWN, request())
    assert [*stays, told, listed, more] == [gr.skip()] * 7
    assert message in question


def test_a_list_that_cannot_be_read_says_so() -> None:
    shown, *_ = Shelves(Librarian(LibraryError("/secret"))).find(*ALL, request())
    assert "cannot be searched" in shown


@pytest.mark.parametrize(("lang", "said"), [("en", "1,025 MB"), ("de", "1.025 MB"), ("zh", "1,025 MB")])
def test_an_upload_that_is_too_large_is_told_with_the_limit(lang: str, said: str) -> None:
    told = Shelves(Librarian()).refuse(f"{2**30 + 1} {50 * 2**20} 7", request(lang))
    assert said in told
    assert "50 MB" in told


def test_what_is_open_is_told_without_the_number_of_the_click() -> None:
    assert (article_id_of("cats 3"), article_id_of("")) == ("cats", "")


def test_a_tag_and_an_outlet_that_are_gone_are_wanted_no_longer() -> None:
    wanted = ("", "newest", ANY, "gone", "gone too")
    listed, _, tags, outlets, *_ = Shelves(Librarian()).arrive("", *wanted, LISTED, request("de"))
    assert "Von Katzen" in listed
    assert (tags["value"], outlets["value"]) == (ANY, ANY)
    assert tags["choices"] == [("Alle", ANY), ("Tag animals", "Tag animals")]
    assert outlets["choices"] == [("Alle", ANY)]


# --- Those who may only read --------------------------------------------------------------------------------

READERS = Visitors(read_only=["ben"])


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "not add or remove"), ("de", "keine hinzufügen"), ("zh", "不能添加或移除")]
)
def test_who_may_only_read_changes_nothing(tmp_path: Path, lang: str, said: str) -> None:
    librarian = Librarian()
    shelves = Shelves(librarian, READERS)
    file = uploaded(tmp_path, "a.md", b"A")
    [(_, told, *_)] = shelves.add([file], *SHOWN, request(lang, "ben"))
    assert said in told
    assert librarian.taken == []
    *_, question, _, _, _ = shelves.remove("cats 3", *SHOWN, request(lang, "ben"))
    assert said in question


@pytest.mark.parametrize(("username", "visible"), [("ben", False), ("anna", True), (None, True)])
def test_what_changes_articles_is_shown_to_those_who_may(username: str | None, visible: bool) -> None:
    *_, box, remove = Shelves(Librarian(), READERS).arrive("", *ALL, LISTED, request("en", username))
    assert (box["visible"], remove["visible"]) == (visible, visible)


def test_who_added_and_removed_is_told_in_the_audit_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rag.audit")
    librarian = Librarian()
    librarian.may_go_on.set()
    list(Shelves(librarian).add([uploaded(tmp_path, "a.md", b"A")], *SHOWN, request(username="anna")))
    Shelves(librarian).remove("cats 3", *SHOWN, request(username="anna"))
    lines = [(record.getMessage(), vars(record)["fields"]) for record in caplog.records if record.name == "rag.audit"]
    assert lines == [
        ("upload", {"who": "user anna", "files": ["a.md"], "outcomes": {"added": 1}, "result": "ok"}),
        ("removal", {"who": "user anna", "article_id": "cats", "result": "ok"}),
    ]
