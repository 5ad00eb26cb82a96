"""Adding articles to the folder and removing them: real files, hostile names, archives that lie."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from conftest import SubjectEmbedder, settings_for
from pdf_maker import pdf

from rag.assembly import serving
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.errors import EmbeddingError, ForeignArticleError, LibraryError, LockedError, UnknownArticleError
from rag.ingesting.ingestion import FileResult, Ingestor, IngestReport, Step
from rag.ingesting.library import Added, Ingest, Library
from rag.ingesting.uploads import UploadLimits, safe_name, unpack
from rag.storage.locks import OwnerLock
from rag.storage.store import Store
from rag.types import ParseWarning

CAT = "# Von Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n"
DOG = "# Dogs\n\nThe dog slept in front of the house all day long.\n"
MOON = "# 月亮\n\n昨天晚上的月亮又大又圆，猫坐在屋顶上看月亮。\n"
JUNK = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return made.getvalue()


def told(results: Sequence[Added]) -> list[tuple[str, str, str | None]]:
    return [(result.name, result.outcome, result.reason) for result in results]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "articles"
    made.mkdir()
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data" / "articles.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def open_library(folder: Path, store: Store, embedder: SubjectEmbedder, tmp_path: Path) -> Callable[..., Library]:
    """A library over the folder; ``ingest`` stands in for the real ingest, ``limits`` for the usual ones."""

    def opened(ingest: Ingest | None = None, limits: UploadLimits | None = None) -> Library:
        @contextmanager
        def writing() -> Iterator[Ingest]:
            yield ingest or Ingestor(store, embedder).run

        removed = tmp_path / "data" / "removed"
        return Library(folder, removed, store, writing, limits=limits, today=lambda: date(2024, 5, 21))

    return opened


@pytest.fixture
def library(open_library: Callable[..., Library]) -> Library:
    return open_library()


def kept(folder: Path) -> list[str]:
    """The files below the uploads, hidden ones too."""
    return sorted(path.name for path in (folder / "uploads").glob("*"))


# --- Adding -------------------------------------------------------------------------------------------------


def test_files_of_three_languages_are_kept_and_indexed(library: Library, folder: Path, store: Store) -> None:
    files = [("Straße.md", CAT.encode()), ("dogs.txt", DOG.encode()), ("月亮.markdown", MOON.encode())]
    results = library.add(files)
    assert told(results) == [(name, "added", None) for name, _ in files]
    assert kept(folder) == ["Straße.md", "dogs.txt", "月亮.markdown"]
    by_id = {entry.id: Path(entry.path).name for entry in store.known()}
    assert [by_id[result.article_id or ""] for result in results] == ["Straße.md", "dogs.txt", "月亮.markdown"]
    assert store.languages() == {"de": 1, "en": 1, "zh": 1}


def test_the_same_file_again_is_unchanged_and_another_of_its_name_replaces_it(
    library: Library, folder: Path, store: Store
) -> None:
    (first,) = library.add([("a.md", CAT.encode())])
    (again,) = library.add([("a.md", CAT.encode())])
    (other,) = library.add([("a.md", DOG.encode())])
    assert [first.outcome, again.outcome, other.outcome] == ["added", "unchanged", "updated"]
    assert first.article_id == again.article_id == other.article_id
    assert (folder / "uploads" / "a.md").read_text() == DOG
    assert [summary.title for summary in store.summaries()] == ["Dogs"]


def test_broken_files_are_told_with_a_reason_and_not_kept(library: Library, folder: Path) -> None:
    files = [
        ("good.md", CAT.encode()),
        ("photo.md", JUNK),
        ("empty.md", b" \n"),
        ("rule.md", b"---\n---\n"),
        ("photo.png", JUNK),
        ("large.md", b"a" * (10 * 2**20 + 1)),
    ]
    results = library.add(files)
    assert told(results) == [
        ("good.md", "added", None),
        ("photo.md", "failed", "not_text"),
        ("empty.md", "failed", "empty"),
        ("rule.md", "failed", "no_text"),
        ("photo.png", "failed", "suffix"),
        ("large.md", "failed", "too_large"),
    ]
    assert results[-1].detail == "such a file may have 10 MB at most"
    assert kept(folder) == ["good.md"]


def test_files_of_every_format_go_in(library: Library, store: Store) -> None:
    feed = f"<rss><channel><item><guid>1</guid><description>{DOG}</description></item></channel></rss>"
    lines = "\n".join(json.dumps({"id": text[:3], "text": text}) for text in (CAT, MOON))
    files = [
        ("cats.html", f"<html><body><p>{CAT}</p></body></html>".encode()),
        ("dogs.rss", feed.encode()),
        ("all.jsonl", lines.encode()),
        ("moon.json", json.dumps({"text": MOON}).encode()),
        ("dog.pdf", pdf([["A dog sleeps all day long in the garden."]])),
    ]
    results = library.add([*files[:2], ("more.zip", zipped(*files[2:]))])
    assert told(results) == [(name, "added", None) for name in ("cats.html", "dogs.rss")] + [
        (f"more.zip/{name}", "added", None) for name, _ in files[2:]
    ]
    assert len(store.summaries()) == 6


@pytest.mark.parametrize(
    ("name", "data", "detail"),
    [
        ("a.pdf", b"no pdf", "it is not a PDF file, though it is called so"),
        ("a.json", b"{", "it is not valid JSON: "),
        ("a.jsonl", b"x\ny\n", "it line 1: is not valid JSON: "),
        ("a.xml", b"<svg/>", "it is XML, but no RSS or Atom feed; "),
        ("a.html", b"<script>x</script>", "it has no text; "),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told(library: Library, name: str, data: bytes, detail: str) -> None:
    (result,) = library.add([(name, data)])
    assert (result.outcome, result.reason) == ("failed", "unreadable")
    assert result.detail.startswith(detail)


def test_a_file_in_another_encoding_goes_in_and_it_is_said(library: Library, store: Store) -> None:
    (result,) = library.add([("alt.txt", (CAT * 3).encode("cp1252"))])
    assert result.outcome == "added"
    assert "cp1252" in result.detail
    assert "fraß" in (store.text(result.article_id or "") or "")


def test_an_upload_of_nothing_but_broken_files_waits_for_nobody(open_library: Callable[..., Library]) -> None:
    def never(paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        raise AssertionError("nothing is there to ingest")

    assert told(open_library(never).add([("a.exe", b"MZ")])) == [("a.exe", "failed", "suffix")]


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (f"# 月亮\n\n{MOON * 5}".encode("gb18030"), ParseWarning("encoding", "gb18030")),
        (f"---\ntitle: a: b\n---\n\n{CAT}".encode(), ParseWarning("front_matter_lines")),
        (f"---\ntitle: Dogs\n\n{DOG}".encode(), ParseWarning("front_matter_open")),
    ],
)
def test_what_had_to_be_guessed_is_told_with_a_code_and_in_english(
    library: Library, data: bytes, warning: ParseWarning
) -> None:
    (result,) = library.add([("a.md", data)])
    assert (result.outcome, result.warnings, result.detail) == ("added", (warning,), str(warning))


def test_progress_is_told_file_by_file(library: Library) -> None:
    steps: list[tuple[str, int, int]] = []
    library.add([("a.md", CAT.encode()), ("b.md", DOG.encode())], lambda *step: steps.append(step))
    assert steps == [("a.md", 0, 2), ("b.md", 1, 2), ("", 2, 2)]


def test_what_the_index_does_not_take_is_not_kept_and_what_was_there_stays(
    library: Library, open_library: Callable[..., Library], folder: Path
) -> None:
    library.add([("old.md", CAT.encode())])

    def failing(paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        files = sorted((folder / "uploads").glob("*.md"))
        return IngestReport(tuple(FileResult(str(path), "failed", "it did not work") for path in files), 0, 0)

    results = open_library(failing).add([("old.md", DOG.encode()), ("new.md", DOG.encode())])
    assert [(result.outcome, result.reason, result.detail) for result in results] == [
        ("failed", "not_indexed", "it did not work"),
        ("failed", "not_indexed", "it did not work"),
    ]
    assert kept(folder) == ["old.md"]
    assert (folder / "uploads" / "old.md").read_text() == CAT


def test_when_the_embedder_fails_what_was_kept_goes_in_with_the_next_ingest(
    open_library: Callable[..., Library], library: Library, folder: Path
) -> None:
    def failing(paths: Sequence[Path], *, progress: Step | None = None) -> IngestReport:
        raise EmbeddingError("no vector")

    with pytest.raises(EmbeddingError):
        open_library(failing).add([("a.md", CAT.encode())])
    assert kept(folder) == ["a.md"]
    assert [result.outcome for result in library.add([("a.md", CAT.encode())])] == ["added"]


def test_a_folder_for_uploads_that_leads_elsewhere_is_refused(library: Library, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "uploads").symlink_to(elsewhere)
    with pytest.raises(LibraryError, match="leads out of the articles"):
        library.add([("a.md", CAT.encode())])
    assert list(elsewhere.iterdir()) == []


def test_a_name_that_is_taken_by_a_folder_is_told(library: Library, folder: Path) -> None:
    (folder / "uploads" / "a.md").mkdir(parents=True)
    results = library.add([("a.md", CAT.encode()), ("b.md", DOG.encode())])
    assert told(results) == [("a.md", "failed", "not_written"), ("b.md", "added", None)]
    assert kept(folder) == ["a.md", "b.md"]


# --- Names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd.md", "passwd.md"),
        ("/etc/cron.d/x.md", "x.md"),
        ("..\\..\\windows\\x.md", "x.md"),
        ("a\r\nSet-Cookie: b.md", "a Set-Cookie_ b.md"),
        ("a\x00\x1b[2Jb.md", "a[2Jb.md"),
        ("\u202egpj.md", "gpj.md"),
        ("half \ud800 pair.md", "half pair.md"),
        ("Stra\u00dfe u\u0308ber.md", "Straße über.md"),
        ("<script>.md", "_script_.md"),
        ("新闻 🗞️.md", "新闻 🗞\ufe0f.md"),
    ],
)
def test_a_name_is_made_safe(name: str, expected: str, library: Library, folder: Path) -> None:
    assert safe_name(name) == expected
    (result,) = library.add([(name, CAT.encode())])
    assert result.outcome == "added"
    result.name.encode()
    assert "\n" not in result.name
    assert kept(folder) == [expected]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "name"),
        ("..", "name"),
        ("../", "name"),
        ("\n", "name"),
        (".md", "hidden"),
        ("x/.secret.md", "hidden"),
        ("a.md.exe", "suffix"),
        ("a", "suffix"),
    ],
)
def test_a_name_that_cannot_be_kept_is_refused(name: str, reason: str, library: Library, folder: Path) -> None:
    (result,) = library.add([(name, CAT.encode())])
    assert (result.outcome, result.reason) == ("failed", reason)
    assert kept(folder) == []


def test_long_names_that_begin_alike_stay_two(library: Library, folder: Path) -> None:
    results = library.add([("新" * 200 + "a.md", CAT.encode()), ("新" * 200 + "b.md", DOG.encode())])
    assert [result.outcome for result in results] == ["added", "added"]
    assert len(kept(folder)) == 2
    assert all(len(name.encode()) < 200 for name in kept(folder))


# --- Archives -----------------------------------------------------------------------------------------------


def test_an_archive_with_folders_goes_in_file_by_file(library: Library, folder: Path) -> None:
    data = zipped(
        ("2024/katze.md", CAT.encode()),
        ("2023/", b""),
        ("2023/katze.md", DOG.encode()),
        ("copy/katze.md", CAT.encode()),
        ("../../月.md", MOON.encode()),
        ("photo.md", JUNK),
        ("inner.zip", zipped(("x.md", CAT.encode()))),
        (".hidden.md", CAT.encode()),
        ("__MACOSX/2024/._katze.md", b"\x00\x05"),
    )
    results = library.add([("news.zip", data)])
    assert told(results) == [
        ("news.zip/2024/katze.md", "added", None),
        ("news.zip/2023/katze.md", "added", None),
        ("news.zip/copy/katze.md", "added", None),
        ("news.zip/../../月.md", "added", None),
        ("news.zip/photo.md", "failed", "not_text"),
        ("news.zip/inner.zip", "failed", "nested"),
        ("news.zip/.hidden.md", "failed", "hidden"),
    ]
    assert kept(folder) == ["katze (2).md", "katze.md", "月.md"]
    assert results[0].article_id == results[2].article_id


def test_names_of_old_archives_are_read(library: Library, folder: Path) -> None:
    data = zipped(("aaaa.md", CAT.encode()), ("bb.md", DOG.encode()), ("cc.md", MOON.encode()))
    for plain, real in ((b"aaaa.md", "新闻".encode("gb2312")), (b"bb.md", "ü".encode())):
        data = data.replace(plain, real + b".md")
    data = data.replace(b"cc.md", "tü".encode("cp437") + b".md")
    assert [result.outcome for result in library.add([("alt.zip", data)])] == ["added"] * 3
    assert kept(folder) == ["tü.md", "ü.md", "新闻.md"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "broken_archive"),
        (b"PK\x03\x04 not really", "broken_archive"),
        (zipped(("a.md", CAT.encode()))[:-30], "broken_archive"),
        (zipped(), "empty_archive"),
        (zipped(("folder/", b"")), "empty_archive"),
    ],
)
def test_an_archive_that_cannot_be_opened_is_told(data: bytes, reason: str, library: Library) -> None:
    assert told(library.add([("a.zip", data)])) == [("a.zip", "failed", reason)]


def test_damaged_encrypted_and_oddly_packed_entries_are_told_and_the_others_go_in(library: Library) -> None:
    damaged = zipped(("a.md", CAT.encode()), method=zipfile.ZIP_STORED).replace(b"Montag", b"Monntag"[:6])
    assert told(library.add([("a.zip", damaged)])) == [("a.zip/a.md", "failed", "broken_archive")]
    locked = bytearray(zipped(("a.md", CAT.encode())))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted entry
    assert told(library.add([("a.zip", bytes(locked))])) == [("a.zip/a.md", "failed", "encrypted")]
    packed = zipped(("a.md", CAT.encode()), method=zipfile.ZIP_LZMA)
    assert told(library.add([("a.zip", packed), ("b.md", CAT.encode())])) == [
        ("a.zip/a.md", "failed", "compression"),
        ("b.md", "added", None),
    ]


def test_a_bomb_is_not_unpacked(library: Library, folder: Path) -> None:
    bomb = zipped(("bomb.md", b"a" * (9 * 2**20)), ("good.md", CAT.encode()), ("big.md", b"a" * (11 * 2**20)))
    assert told(library.add([("a.zip", bomb)])) == [
        ("a.zip/bomb.md", "failed", "bomb"),
        ("a.zip/good.md", "added", None),
        ("a.zip/big.md", "failed", "bomb"),
    ]
    assert kept(folder) == ["good.md"]


def test_an_entry_that_lies_about_its_size_is_told(library: Library) -> None:
    text = CAT.encode() * 20
    honest = zipped(("a.md", text))
    lie = honest.replace(len(text).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lie != honest
    assert told(library.add([("a.zip", lie)])) == [("a.zip/a.md", "failed", "broken_archive")]


def test_an_upload_holds_so_much_and_no_more() -> None:
    text = "\n\n".join(f"Satz Nummer {number} über eine Katze." for number in range(3000)).encode()
    limits = UploadLimits(max_bytes=len(text) // 3, max_files=10)
    data = zipped(("a.md", text), ("b.md", text))
    assert len(data) < limits.max_bytes
    first, second = unpack([("a.zip", data)], limits)
    assert getattr(first, "file", None) == "a.md"
    assert getattr(second, "reason", None) == "too_much"


def test_more_files_than_allowed_are_told_and_a_zip_of_too_many_is_not_opened() -> None:
    limits = UploadLimits(max_files=2)
    files = [(f"{number}.md", CAT.encode()) for number in range(4)]
    reasons = [getattr(one, "reason", None) for one in unpack(files, limits)]
    assert reasons == [None, None, "too_many", "too_many"]
    (refused,) = unpack([("a.zip", zipped(*files))], limits)
    assert (refused.name, getattr(refused, "reason", None), getattr(refused, "limit", None)) == ("a.zip", "too_many", 2)
    swarm = zipped(*((f"{number}.md", b"x") for number in range(1100)))
    (refused,) = unpack([("a.zip", swarm)], limits)
    assert getattr(refused, "reason", None) == "too_many"


# --- Removing -----------------------------------------------------------------------------------------------


def test_what_is_removed_leaves_the_index_and_is_kept_under_a_free_name(
    library: Library, folder: Path, store: Store
) -> None:
    for text in (CAT, DOG):
        (added,) = library.add([("katze.md", text.encode())])
        library.remove(added.article_id or "")
    removed = folder.parent / "data" / "removed"
    names = {path.name: path.read_text() for path in removed.iterdir()}
    assert names == {"2024-05-21-katze.md": CAT, "2024-05-21-katze (2).md": DOG}
    assert store.count() == (0, 0)
    assert kept(folder) == []


def test_any_article_of_the_folder_can_be_removed_even_one_whose_file_is_gone(
    library: Library, folder: Path, store: Store
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "hund.md").write_text(DOG)
    (folder / "katze.md").write_text(CAT)
    library.add([("mond.md", MOON.encode())])
    ids = {Path(entry.path).name: entry.id for entry in store.known()}
    (folder / "katze.md").unlink()
    library.remove(ids["katze.md"])
    library.remove(ids["hund.md"])
    assert [Path(entry.path).name for entry in store.known()] == ["mond.md"]
    assert [path.name for path in (folder.parent / "data" / "removed").iterdir()] == ["2024-05-21-hund.md"]


def test_an_article_from_elsewhere_and_an_unknown_one_are_refused(
    library: Library, store: Store, embedder: SubjectEmbedder, write: Callable[..., Path]
) -> None:
    elsewhere = write(katze=CAT)
    Ingestor(store, embedder).run([elsewhere])
    (entry,) = store.known()
    with pytest.raises(ForeignArticleError, match=r"katze\.md was indexed from another folder"):
        library.remove(entry.id)
    with pytest.raises(UnknownArticleError):
        library.remove("nothing")
    assert (elsewhere / "katze.md").is_file()
    assert store.count()[0] == 1


# --- The real product ---------------------------------------------------------------------------------------


@pytest.fixture
def product(folder: Path, tmp_path: Path) -> Iterator[Assistant]:
    opened = open_assistant(settings_for(tmp_path / "data", articles=folder, embed_model="local-fast"))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (
            "# Brücken\n\nDie Brücke von Arlbach wurde 1987 eröffnet.\n",
            "Wann wurde die Brücke von Arlbach eröffnet?",
            "1987",
        ),
        ("# Bridges\n\nThe bridge of Arlbach was opened in 1987.\n", "When was the bridge of Arlbach opened?", "1987"),
        ("# 桥\n\n阿尔巴赫大桥于1987年通车，全长三百米。\n", "阿尔巴赫大桥哪一年通车？", "1987"),
    ],
)
def test_an_article_is_asked_about_right_after_it_was_added_and_gone_right_after_it_was_removed(
    product: Assistant, text: str, question: str, answer: str
) -> None:
    assert not product.ask(question).answered
    (added,) = product.add([("neu.md", text.encode())])
    given = product.ask(question)
    assert answer in given.answer
    assert [citation.article_id for citation in given.citations] == [added.article_id]
    product.remove(added.article_id or "")
    assert not product.ask(question).answered


def test_an_article_is_read_with_its_passages_in_order_and_its_questions(product: Assistant) -> None:
    text = (
        "# Katzen\n\nDie Katze fraß am Montag drei Mäuse im Garten.\n\n## Fragen und Antworten\n\n"
        "- **Was fraß die Katze?**\n  - Antwort: Drei Mäuse.\n"
    )
    (added,) = product.add([("katzen.md", text.encode())])
    view = product.read(added.article_id or "")
    assert view is not None
    assert [(passage.kind, view.text[passage.start : passage.end]) for passage in view.passages] == [
        (passage.kind, passage.text) for passage in view.passages
    ]
    assert [passage.kind for passage in view.passages] == ["body", "qa"]
    assert [(asked.text, asked.lang) for asked in view.questions] == [("Was fraß die Katze?", "de")]
    assert product.read("nothing") is None


def test_who_adds_waits_for_an_ingest_under_way_but_not_for_ever(
    product: Assistant, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = OwnerLock(tmp_path / "data" / "ingest.lock")
    lock.acquire("ingest")
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    with pytest.raises(LockedError):
        product.add([("a.md", CAT.encode())])
    with pytest.raises(LockedError):
        product.remove("a")
    assert kept(folder) == []

    monkeypatch.setattr(serving, "PATIENCE", 60)
    results: list[Added] = []
    waiting = threading.Thread(target=lambda: results.extend(product.add([("a.md", CAT.encode())])))
    waiting.start()
    lock.release()
    waiting.join(60)
    assert [result.outcome for result in results] == ["added"]


def test_many_who_add_at_once_all_get_theirs(product: Assistant, folder: Path) -> None:
    results: list[Added] = []

    def add(number: int) -> None:
        results.extend(product.add([(f"{number}.md", f"# Katze {number}\n\n{CAT}".encode())]))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.outcome for result in results] == ["added"] * 5
    assert product.health().articles == 5
    assert len(kept(folder)) == 5


def test_a_later_ingest_of_the_folder_finds_nothing_to_do(product: Assistant, folder: Path, tmp_path: Path) -> None:
    product.add([("a.md", CAT.encode())])
    report = run_ingest(settings_for(tmp_path / "data", embed_model="local-fast"), [folder])
    assert [result.action for result in report.results] == ["unchanged"]
