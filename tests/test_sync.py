"""The index follows the folder: with the least work, whoever changes it, and with nothing lost on bad input."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SubjectEmbedder

from rag.errors import ArticleError
from rag.ingesting import ingestion
from rag.ingesting.ingestion import Ingestor, IngestReport
from rag.ingesting.watching import follow
from rag.storage.store import Store
from rag.storage.truth import KnownFile

CATS = "---\ntitle: Cats\ndate: 2020-01-05\n---\n\nA cat sleeps all day long. It purrs when it is fed.\n"
HUNDE = "---\ntitle: Hunde\n---\n\nEin Hund bellt laut im Garten.\n\nAbends schläft er vor der Tür.\n"
MOON = "# 月亮\n\n月亮绕着地球转。\n\n## 问与答：\n\n- 月亮绕着什么转？\n  - 答：月亮绕着地球转。\n"
TEXTS = {"cats.md": CATS, "hunde.md": HUNDE, "news/moon.md": MOON}


class Shelf:
    """A folder of articles, its index, and what a run on it does."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "articles"
        for name, text in TEXTS.items():
            self.write(name, text)
        self.store = Store(tmp_path / "articles.sqlite3")
        self.embedder = SubjectEmbedder()
        self._before = 0
        self.sync()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def sync(self, *paths: Path, dry_run: bool = False, anew: bool = False) -> IngestReport:
        self._before = len(self.embedder.embedded)
        return Ingestor(self.store, self.embedder, anew=anew).run(paths or [self.folder], dry_run=dry_run)

    @property
    def embedded(self) -> int:
        """How many texts the last run embedded."""
        return len(self.embedder.embedded) - self._before

    def done(self, *paths: Path, dry_run: bool = False) -> dict[str, str]:
        """What a run did to each file that is not as it was."""
        results = self.sync(*paths, dry_run=dry_run).results
        return {Path(result.path).name: result.action for result in results if result.action != "unchanged"}

    def texts(self) -> dict[str, str]:
        """The article of each file, each passage checked against it."""
        for stored in self.store.load(self.store.passage_ids()):
            text = self.store.text(stored.passage.article_id)
            assert text is not None
            assert text[stored.passage.start : stored.passage.end] == stored.passage.text
        return {Path(known.path).name: self.store.text(known.id) or "" for known in self.store.known()}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.store.close()


def ids(shelf: Shelf) -> dict[str, str]:
    return {Path(known.path).name: known.id for known in shelf.store.known()}


@pytest.mark.parametrize(
    ("old", "new"), [("cats.md", "katzen.md"), ("news/moon.md", "月亮.md"), ("hunde.md", "a/b/h.md")]
)
def test_a_file_that_moves_embeds_nothing_and_keeps_its_article(shelf: Shelf, old: str, new: str) -> None:
    before, passages = ids(shelf)[Path(old).name], shelf.store.passage_ids()
    (shelf.folder / new).parent.mkdir(parents=True, exist_ok=True)
    (shelf.folder / old).rename(shelf.folder / new)
    assert shelf.done() == {Path(new).name: "moved"}
    assert shelf.embedded == 0
    assert ids(shelf)[Path(new).name] == before
    assert shelf.store.passage_ids() == passages
    assert next(s for s in shelf.store.summaries() if s.id == before).file == new
    assert shelf.done() == {}


def test_a_name_that_is_used_again_and_again_takes_nothing_from_the_files_that_had_it(shelf: Shelf) -> None:
    for number, says in enumerate(("a cat", "two cats", "three cats", "four cats")):
        shelf.write("again.md", f"# Again\n\nIn the garden {says} can be seen.\n")
        assert shelf.done() == {"again.md": "added"}
        (shelf.folder / "again.md").rename(shelf.folder / f"kept-{number}.md")
        assert shelf.done() == {f"kept-{number}.md": "moved"}
    kept = {name for name in shelf.texts() if name.startswith("kept-")}
    assert kept == {"kept-0.md", "kept-1.md", "kept-2.md", "kept-3.md"}
    assert len(set(ids(shelf).values())) == len(ids(shelf))


def test_a_folder_that_moves_embeds_nothing(shelf: Shelf) -> None:
    (shelf.folder / "news").rename(shelf.folder / "archive")
    assert shelf.done() == {"moon.md": "moved"}
    assert shelf.embedded == 0


def test_what_is_copied_is_no_move(shelf: Shelf) -> None:
    shutil.copy(shelf.folder / "cats.md", shelf.folder / "copy.md")
    assert shelf.done() == {"copy.md": "added"}
    assert set(shelf.texts()) == {"cats.md", "hunde.md", "moon.md", "copy.md"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cats.md", "date: 2020-01-05", "date: 2021-11-30\nauthor: paw"),
        ("hunde.md", "title: Hunde", "title: Der Hund, ein Leben lang"),
        ("news/moon.md", "# 月亮\n", "---\nurl: https://example.org/月亮\n---\n# 月亮\n"),
    ],
)
def test_a_change_of_the_front_matter_embeds_nothing(shelf: Shelf, name: str, old: str, new: str) -> None:
    passages = shelf.store.passage_ids()
    text = TEXTS[name].replace(old, new)
    shelf.write(name, text)
    assert shelf.done() == {Path(name).name: "updated"}
    assert shelf.embedded == 0
    assert shelf.texts()[Path(name).name] == text
    assert shelf.store.passage_ids() == passages


def test_a_changed_paragraph_is_embedded_alone(shelf: Shelf) -> None:
    long = "".join(f"Der Hund Nummer {n} bellt laut im Garten. " * 5 + "\n\n" for n in range(9))
    shelf.write("hunde.md", long)
    shelf.sync()
    whole = shelf.embedded
    shelf.write("hunde.md", long.replace("Nummer 4", "Nummer 44"))
    assert shelf.done() == {"hunde.md": "updated"}
    assert 0 < shelf.embedded <= whole / 5


def test_what_looks_as_it_did_is_not_opened(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = time.time_ns() - 3600 * 10**9
    for path in shelf.folder.rglob("*.md"):
        os.utime(path, ns=(long_ago, long_ago))
    assert shelf.done() == {}  # from now on these times are known

    def refuse(path: Path, size: int) -> str:
        raise AssertionError(f"{path} was opened")

    monkeypatch.setattr(ingestion, "file_hash", refuse)
    assert shelf.done() == {}


def test_a_change_that_keeps_size_and_time_is_seen_while_the_file_is_new(shelf: Shelf) -> None:
    path = shelf.folder / "cats.md"
    found = path.stat()
    path.write_text(CATS.replace("purrs", "bites"), encoding="utf-8")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert shelf.done() == {"cats.md": "updated"}
    assert "bites" in shelf.texts()["cats.md"]


def test_a_file_that_fails_is_told_once_more_and_read_again_only_when_it_changes(shelf: Shelf) -> None:
    bad = shelf.write("bad.md", "a")
    bad.write_bytes(b"\x00\x01\x02" * 50)
    first, again = shelf.sync(), shelf.sync()
    assert [(r.action, r.news) for r in first.results if r.path.endswith("bad.md")] == [("failed", True)]
    ((action, news, detail),) = [(r.action, r.news, r.detail) for r in again.results if r.path.endswith("bad.md")]
    assert (action, news) == ("failed", False)
    assert "NUL characters" in detail
    assert "not tried again until it changes" in detail
    bad.write_text(CATS.replace("cat", "lynx"), encoding="utf-8")
    assert shelf.done() == {"bad.md": "added"}
    assert "lynx" in shelf.texts()["bad.md"]


def test_readers_that_can_read_more_try_what_failed_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.write("bad.md", "").write_bytes(b"\x00\x01\x02" * 50)
    shelf.sync()
    monkeypatch.setattr(ingestion, "READERS", "2")
    assert [r.news for r in shelf.sync().results if r.action == "failed"] == [True]
    assert [r.news for r in shelf.sync().results if r.action == "failed"] == [False]


def test_a_file_that_no_longer_reads_keeps_its_last_good_version(shelf: Shelf) -> None:
    (shelf.folder / "cats.md").write_bytes(b"\x00\x01\x02" * 50)
    (failed,) = shelf.sync().failed
    assert "the version indexed before stays" in failed.detail
    assert shelf.texts()["cats.md"] == CATS


def test_a_dry_run_says_what_would_happen_and_writes_nothing(shelf: Shelf) -> None:
    (shelf.folder / "cats.md").rename(shelf.folder / "katzen.md")
    shelf.write("hunde.md", HUNDE.replace("laut", "leise"))
    shelf.write("new.md", CATS.replace("cat", "lynx"))
    (shelf.folder / "news/moon.md").unlink()
    before = shelf.store.revision()
    told = {"katzen.md": "moved", "hunde.md": "updated", "new.md": "added", "moon.md": "removed"}
    assert shelf.done(dry_run=True) == told
    assert (shelf.store.revision(), shelf.embedded) == (before, 0)
    assert shelf.done() == told


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_are_followed_and_a_loop_of_them_ends(shelf: Shelf, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lynx.md").write_text(CATS.replace("cat", "lynx"), encoding="utf-8")
    (shelf.folder / "linked").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(shelf.folder)
    (shelf.folder / "again").symlink_to(shelf.folder / "news")
    assert shelf.done() == {"lynx.md": "added"}
    assert sorted(shelf.texts()) == ["cats.md", "hunde.md", "lynx.md", "moon.md"]


def test_patterns_name_files(shelf: Shelf) -> None:
    shelf.write("news/de/wolf.md", HUNDE.replace("Hund", "Wolf"))
    shelf.write("other/wolf.txt", HUNDE.replace("Hund", "Wolf"))
    assert shelf.done(shelf.folder / "news" / "**" / "*.md") == {"wolf.md": "added"}
    (shelf.folder / "news/de/wolf.md").unlink()
    assert shelf.done(shelf.folder / "news" / "**" / "*.md") == {"wolf.md": "removed"}
    with pytest.raises(ArticleError, match=r"no article matches .*\*\.pdf"):
        shelf.sync(shelf.folder / "*.pdf")


def test_a_folder_that_cannot_be_opened_keeps_its_articles(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("news"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    report = shelf.sync()
    assert [(Path(r.path).name, r.detail) for r in report.failed] == [("news", "can't be opened: Permission denied")]
    assert "moon.md" in shelf.texts()


def test_files_of_other_kinds_are_counted(shelf: Shelf) -> None:
    shelf.write("picture.jpg", "x")
    shelf.write("Letter.DOCX", "x")
    shelf.write("README", "x")
    assert shelf.sync().others == {".jpg": 1, ".docx": 1, "": 1}


def test_a_run_that_ended_between_an_article_and_its_file_is_taken_up(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.write("new.md", CATS.replace("cat", "lynx"))
    with monkeypatch.context() as broken:
        broken.setattr(shelf.store, "settle", stop_at("new.md", shelf.store.settle))
        with pytest.raises(KeyboardInterrupt):
            shelf.sync()
    assert "new.md" in shelf.texts()  # it is in whole
    assert shelf.done() == {"new.md": "updated"}
    assert shelf.embedded == 0
    with monkeypatch.context() as broken:
        broken.setattr(shelf.store, "settle", stop_at("renamed.md", shelf.store.settle))
        (shelf.folder / "new.md").rename(shelf.folder / "renamed.md")
        with pytest.raises(KeyboardInterrupt):
            shelf.sync()
    (shelf.folder / "renamed.md").unlink()
    shelf.sync()
    assert sorted(shelf.texts()) == ["cats.md", "hunde.md", "moon.md"]


def stop_at(name: str, settle: Callable[..., None]) -> Callable[..., None]:
    def stop_or_settle(file: KnownFile, *rest: object) -> None:
        if file.path.endswith(name):
            raise KeyboardInterrupt
        settle(file, *rest)

    return stop_or_settle


def test_everything_can_be_read_anew_in_place(shelf: Shelf) -> None:
    texts, passages = shelf.texts(), shelf.store.passage_ids()
    with shelf.store.transaction() as db:
        db.execute("UPDATE passages SET vector = zeroblob(length(vector))")
        db.execute("UPDATE articles SET text = 'another'")
    assert {r.action for r in shelf.sync(anew=True).results} == {"updated"}
    assert shelf.embedded > 0
    assert (shelf.texts(), shelf.store.passage_ids()) == (texts, passages)
    assert shelf.store.vectors()[1].any(axis=1).all()


# --- Following ---------------------------------------------------------------------------------------------


class Followed:
    """A folder that is followed in a thread; how often it was looked at."""

    def __init__(self, paths: list[Path], *, sweep: float) -> None:
        self.stop = threading.Event()
        self.seen = threading.Semaphore(0)
        self._thread = threading.Thread(
            target=follow, args=(paths, self.seen.release, self.stop), kwargs={"sweep": sweep}
        )
        self._thread.start()

    def end(self) -> bool:
        self.stop.set()
        self._thread.join(timeout=20)
        return not self._thread.is_alive()


@pytest.fixture
def followed() -> Iterator[Callable[..., Followed]]:
    started: list[Followed] = []

    def begin(*paths: Path, sweep: float = 3600) -> Followed:
        started.append(Followed(list(paths), sweep=sweep))
        return started[-1]

    yield begin
    ended = [one.end() for one in started]
    assert all(ended)


def until_seen(one: Followed, change: Callable[[int], object]) -> None:
    """Change the folder until it is seen: the first changes may come before the events do."""
    for attempt in range(100):
        change(attempt)
        if one.seen.acquire(timeout=0.6):
            return
    raise AssertionError("no change was seen")


def test_a_change_is_seen_by_its_event(tmp_path: Path, followed: Callable[..., Followed]) -> None:
    one = followed(tmp_path)
    until_seen(one, lambda n: (tmp_path / f"{n}.md").write_text(CATS))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    until_seen(one, lambda n: (tmp_path / "deep" / "er" / f"{n}.md").write_text(CATS))
    until_seen(one, lambda n: (tmp_path / "0.md").rename(tmp_path / "0.txt") if (tmp_path / "0.md").exists() else None)


def test_without_an_event_a_sweep_looks(tmp_path: Path, followed: Callable[..., Followed]) -> None:
    one = followed(tmp_path, sweep=0.05)
    assert one.seen.acquire(timeout=20)
    assert one.seen.acquire(timeout=20)


def test_a_folder_that_comes_later_is_followed(tmp_path: Path, followed: Callable[..., Followed]) -> None:
    late = tmp_path / "late"
    one = followed(late, sweep=0.05)
    late.mkdir()
    assert one.seen.acquire(timeout=20)
