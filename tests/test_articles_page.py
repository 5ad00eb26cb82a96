"""The page's tab of articles in a real browser, over the real product."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from browsing import Watch
from conftest import SAMPLES, settings_for
from page_fixtures import serve
from playwright.sync_api import Browser, FilePayload, Page, expect
from web_fakes import SUMMARY, HandMadeAssistant

from rag.assembly import serving
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.storage.locks import OwnerLock
from rag.types import ArticleSummary
from rag.web.api import create_api
from rag.web.chat import build_chat, mount
from rag.web.library_tab import article_id_of
from rag.web.visitors import Visitors

pytest_plugins = ["browsing"]

JUNK = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
PLACES = (
    *("Arlbach", "Birkau", "Dornfeld", "Eichwald", "Fuchstal", "Grünsee", "Hochberg", "Ilmenau", "Kaltbrunn"),
    *("Lindau", "Mühlheim", "Neustadt", "Oberdorf", "Pfaffing", "Rotbach", "Seewinkel", "Talheim", "Unterberg"),
)

OpenTab = Callable[..., Page]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample articles in a folder of their own, beside the data folder."""
    made = tmp_path_factory.mktemp("home")
    shutil.copytree(SAMPLES, made / "articles")
    return made


@pytest.fixture(scope="module")
def product(home: Path) -> Iterator[Assistant]:
    settings = settings_for(home / "data", articles=home / "articles", embed_model="local-fast")
    run_ingest(settings, [settings.articles])
    opened = open_assistant(settings)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(product: Assistant, home: Path) -> Iterator[str]:
    with serve(product, home / "runs") as address:
        yield address


@pytest.fixture
def open_tab(browser: Browser, site: str, watch: Watch) -> OpenTab:
    """Open the page and its tab."""

    def opened(**kind: Any) -> Page:
        page = watch.over(browser.new_page(**{"locale": "en-US", **kind}), site)
        page.goto(site)
        page.locator("#tab-articles-button").click()
        expect(page.locator("#articles .item").first).to_be_visible()
        return page

    return opened


def titles(page: Page) -> list[str]:
    return page.locator("#articles .item h3").all_inner_texts()


def upload(page: Page, files: dict[str, bytes]) -> None:
    """Give files to the box, and wait until it is told what became of them."""
    payload: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files.items()
    ]
    page.locator("#articles-upload input[type=file]").set_input_files(payload)
    expect(page.locator("#articles-told .results tbody tr")).to_have_count(len(files), timeout=60_000)


# --- The list -----------------------------------------------------------------------------------------------


def test_the_list_says_what_is_indexed_and_links_to_the_publisher(open_tab: OpenTab) -> None:
    page = open_tab(locale="de-DE")
    expect(page.get_by_role("tab", name="Artikel")).to_be_visible()
    expect(page.locator("#articles .count")).to_have_text(re.compile(r"\d+ Artikel"))
    expect(page.get_by_role("button", name="Datei hier ablegen")).to_be_visible()
    for written_by_scripts in ("#articles-open", "#articles-refused"):
        expect(page.locator(written_by_scripts)).to_be_hidden()
    item = page.locator("#articles .item", has_text="Gotthard-Basistunnel")
    expect(item.locator(".meta")).to_contain_text("eurailpress · 1. Juni 2016 · Deutsch · 8 Textstellen")
    expect(item.locator(".tag")).to_have_text(["transport", "technology"])
    link = item.locator(".meta a")
    expect(link).to_have_attribute("href", re.compile(r"^https://www\.eurailpress\.de/"))
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("TUNNEL gotthard", "Gotthard-Basistunnel feierlich eröffnet"),
        ("eroffnet eurailpress", "Gotthard-Basistunnel feierlich eröffnet"),
        ("屠呦呦", "屠呦呦因发现青蒿素获2015年诺贝尔生理学或医学奖"),
        ("worldathletics", "Kelvin Kiptum breaks the marathon world record in Chicago"),
    ],
)
def test_a_search_finds_titles_tags_and_outlets_in_all_languages(open_tab: OpenTab, words: str, found: str) -> None:
    page = open_tab()
    page.locator("#articles-search textarea, #articles-search input").fill(words)
    expect(page.locator("#articles .item h3")).to_have_text([found])
    page.locator("#articles-search textarea, #articles-search input").fill("nothing like it")
    expect(page.locator("#articles .empty")).to_have_text("No article matches.")


def choose(page: Page, box: str, choice: str) -> None:
    """Choose from a drop-down list."""
    page.locator(f"{box} input").click()
    page.locator(box).get_by_role("option", name=choice, exact=True).click()


class ManyArticles(HandMadeAssistant):
    """Has 450 articles, of which every second is from the Tierblatt."""

    def articles(self) -> list[ArticleSummary]:
        outlets = ("Tierblatt", "nature")
        return [
            replace(SUMMARY, id=f"n{n}", title=f"Katze {n:03}", date=None, author=outlets[n % 2]) for n in range(450)
        ]


@pytest.fixture(scope="module")
def long_site(home: Path) -> Iterator[str]:
    with serve(ManyArticles(), home / "runs") as address:
        yield address


def test_a_long_list_grows_by_a_button_that_keeps_search_order_and_place(browser: Browser, long_site: str) -> None:
    page = browser.new_page(locale="en-US")
    page.goto(long_site)
    page.locator("#tab-articles-button").click()
    items, more = page.locator("#articles .item"), page.locator("#articles-more")
    expect(items).to_have_count(200)
    expect(more).to_have_text("Show 200 more")
    choose(page, "#articles-order", "Title")
    more.focus()
    page.keyboard.press("Enter")
    expect(items).to_have_count(400)
    expect(page.get_by_role("link", name="Katze 200", exact=True)).to_be_focused()
    expect(page.get_by_role("link", name="Katze 200", exact=True)).to_be_in_viewport()
    expect(more).to_have_text("Show 50 more")
    more.click()
    expect(items).to_have_count(450)
    expect(more).to_be_hidden()
    choose(page, "#articles-outlet", "Tierblatt")
    expect(items).to_have_count(200)
    expect(page.locator("#articles .count")).to_have_text("225 of 450 articles")
    expect(more).to_have_text("Show 25 more")
    more.click()
    expect(items).to_have_count(225)
    expect(items.locator("h3").last).to_have_text("Katze 448")
    expect(more).to_be_hidden()
    page.close()


def test_the_list_is_ordered_and_narrowed_by_language_tag_and_outlet(open_tab: OpenTab) -> None:
    page = open_tab()
    newest = titles(page)
    choose(page, "#articles-order", "Oldest")
    expect(page.locator("#articles .item h3").first).to_contain_text("希格斯玻色子")
    assert titles(page)[0] != newest[0]
    choose(page, "#articles-order", "Title")
    expect(page.locator("#articles .item h3").first).to_have_text("Africa certified free of wild polio")
    choose(page, "#articles-lang", "Deutsch")
    expect(page.locator("#articles .item h3").first).to_contain_text("Deutschland schaltet")
    choose(page, "#articles-tag", "transport")
    expect(page.locator("#articles .item h3")).to_have_text(["Gotthard-Basistunnel feierlich eröffnet"])
    choose(page, "#articles-tag", "All")
    choose(page, "#articles-lang", "All")
    choose(page, "#articles-outlet", "worldathletics")
    expect(page.locator("#articles .item h3")).to_have_text(
        ["Kelvin Kiptum breaks the marathon world record in Chicago"]
    )


# --- Reading ------------------------------------------------------------------------------------------------


def test_an_article_is_read_with_its_passages_marked_and_an_offered_question_is_asked(open_tab: OpenTab) -> None:
    page = open_tab(locale="de-DE")
    page.get_by_role("link", name="Gotthard-Basistunnel feierlich eröffnet").click()
    article = page.locator("#article .reading")
    expect(article).to_be_focused()
    expect(article.locator("h2")).to_have_text("Gotthard-Basistunnel feierlich eröffnet")
    expect(article.locator(".passage")).to_have_count(8)
    expect(article.locator(".passage.qa")).to_have_count(3)
    ids = [one.get_attribute("id") for one in article.locator(".passage").all()]
    assert len(set(ids)) == 8
    expect(article.locator(".passage").first).to_contain_text("Die Schweiz hat am 1. Juni 2016")
    expect(article.locator(".between", has_text="Siebzehn Jahre Bauzeit")).to_be_visible()
    expect(article.locator(".open a")).to_have_attribute("href", re.compile(r"^https://www\.eurailpress\.de/"))

    article.get_by_role("link", name="Ab wann fahren Züge nach Fahrplan durch den Tunnel?").click()
    expect(page.locator("#chat .asked")).to_have_text("Ab wann fahren Züge nach Fahrplan durch den Tunnel?")
    expect(page.locator("#chat .answer")).to_contain_text("11. Dezember 2016")


@pytest.mark.parametrize(
    ("locale", "label"),
    [("en-US", "Ask only this article"), ("de-DE", "Nur diesen Artikel befragen"), ("zh-CN", "只问这篇文章")],
)
def test_the_open_article_can_be_chosen_to_be_asked_alone(open_tab: OpenTab, locale: str, label: str) -> None:
    page = open_tab(locale=locale)
    expect(page.locator("#article-ask")).to_be_hidden()
    page.get_by_role("link", name="Africa certified").click()
    expect(page.locator("#article-ask")).to_have_text(label)
    shown = page.locator("#article .reading").get_attribute("id") or ""
    opened = page.locator("#articles-open textarea, #articles-open input").input_value()
    assert f"article-{article_id_of(opened)}" == shown


def test_articles_are_opened_by_keyboard_one_after_the_other_and_again(open_tab: OpenTab) -> None:
    page = open_tab()
    for title in ("Africa certified free of wild polio", "Gotthard-Basistunnel feierlich eröffnet"):
        page.get_by_role("link", name=title).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#article h2")).to_have_text(title)
        expect(page.locator("#article .reading")).to_be_focused()
    page.get_by_role("tab", name="Questions").click()
    page.get_by_role("tab", name="Articles").click()
    expect(page.locator("#article h2")).to_have_text("Gotthard-Basistunnel feierlich eröffnet")
    page.get_by_role("link", name="Gotthard-Basistunnel feierlich eröffnet").click()
    expect(page.locator("#article .reading")).to_be_focused()


@pytest.mark.parametrize(("locale", "word"), [("en-US", "Open:"), ("de-DE", "Geöffnet:"), ("zh-CN", "已打开：")])
def test_the_list_marks_the_article_that_is_open_after_a_search_too(open_tab: OpenTab, locale: str, word: str) -> None:
    page = open_tab(locale=locale)
    current = page.locator("#articles .item.current")
    expect(current).to_have_count(0)
    for title in ("Africa certified free of wild polio", "Gotthard-Basistunnel feierlich eröffnet"):
        size = page.locator("#articles").evaluate("list => [list.offsetWidth, list.offsetHeight]")
        page.get_by_role("link", name=title).click()
        expect(current.locator("h3")).to_have_text([title])
        assert page.locator("#articles").evaluate("list => [list.offsetWidth, list.offsetHeight]") == size
    expect(current.get_by_role("link", name="Gotthard")).to_have_attribute("aria-current", "true")
    assert current.inner_text().startswith(word)
    assert word not in page.locator("#articles .item:not(.current)").first.inner_text()
    search = page.locator("#articles-search textarea, #articles-search input")
    search.fill("tunnel")
    expect(page.locator("#articles .item")).to_have_count(1)
    expect(current.locator("h3")).to_have_text(["Gotthard-Basistunnel feierlich eröffnet"])
    search.fill("polio")
    expect(page.locator("#articles .item h3")).to_have_text(["Africa certified free of wild polio"])
    expect(current).to_have_count(0)


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_long_german_words_overflow_nothing(open_tab: OpenTab, width: int) -> None:
    page = open_tab(locale="de-DE", viewport={"width": width, "height": 900})
    name = "Bundesministeriumsverordnungsentwurfsendfassungsabstimmungsprotokoll" * 2
    upload(page, {f"{name}.md": f"# {name}\n\nDer {name} liegt vor.\n".encode()})
    spills = """() => [...document.querySelectorAll("#shelves, #shelf, #desk, #articles-choices, #article-actions")]
      .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.id)"""
    assert page.evaluate(spills) == []
    page.locator("#articles-told a.open-article").click()
    expect(page.locator("#article h2")).to_have_text(name)
    assert page.evaluate(spills) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#articles-remove").click()
    expect(page.locator("#articles-sure-question")).to_be_visible()
    assert page.evaluate(spills) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_an_article_takes_the_place_of_the_list(open_tab: OpenTab, scheme: str) -> None:
    page = open_tab(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, locale="zh-CN")
    page.get_by_role("link", name="屠呦呦").click()
    expect(page.locator("#articles-back")).to_be_in_viewport()
    expect(page.locator("#article h2")).to_be_in_viewport()
    expect(page.locator("#articles")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#articles-back").click()
    expect(page.locator("#articles .item").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


# --- Adding and removing ------------------------------------------------------------------------------------


def test_twenty_files_go_in_but_for_the_broken_ones_and_are_asked_about_and_one_is_removed(
    open_tab: OpenTab, product: Assistant, home: Path
) -> None:
    page = open_tab()
    before = product.health().articles
    files = {
        f"brücke {number}.md": f"# Bridge {number}\n\nThe bridge of {place} was opened in {1950 + number}.\n".encode()
        for number, place in enumerate(PLACES)
    }
    upload(page, files | {"photo.md": JUNK, "empty.txt": b""})
    expect(page.locator("#articles-told h3")).to_have_text("18 taken, 2 not taken")
    expect(page.locator("#articles-told tr.added")).to_have_count(18)
    rows = page.locator("#articles-told tr.failed")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("photo.md")
    expect(rows.first).to_contain_text("Save it as UTF-8")
    expect(rows.last).to_contain_text("It is empty.")
    expect(page.locator("#articles .count")).to_have_text(f"{before + 18} articles")
    expect(page.locator("#masthead")).to_contain_text(f"{before + 18} articles")

    page.get_by_role("tab", name="Questions").click()
    page.locator("#question textarea").fill("When was the bridge of Hochberg opened?")
    page.locator("#question textarea").press("Enter")
    expect(page.locator("#chat .answer")).to_contain_text("1956")
    expect(page.locator("#sources .file").first).to_contain_text("uploads/brücke")

    page.get_by_role("tab", name="Articles").click()
    page.locator("#articles-search textarea, #articles-search input").fill("Bridge 7")
    page.get_by_role("link", name="Bridge 7", exact=True).click()
    page.locator("#articles-remove").click()
    expect(page.locator("#articles-sure-question")).to_contain_text("Remove “Bridge 7”?")
    page.locator("#articles-remove-no").click()
    expect(page.locator("#articles-sure")).to_be_hidden()
    page.locator("#articles-remove").click()
    page.locator("#articles-remove-yes").click()
    expect(page.locator("#articles-told")).to_have_text("“Bridge 7” was removed.")
    expect(page.locator("#article .hint")).to_be_visible()
    expect(page.locator("#articles .item h3")).to_have_text(["Bridge 17"])
    expect(page.locator("#masthead")).to_contain_text(f"{before + 17} articles")
    assert not (home / "articles" / "uploads" / "brücke 7.md").exists()
    assert [path.name[11:] for path in (home / "data" / "removed").iterdir()] == ["brücke 7.md"]


def test_files_can_be_dropped(open_tab: OpenTab) -> None:
    page = open_tab(locale="de-DE")
    dropped = page.evaluate_handle(
        """() => {
          const dropped = new DataTransfer();
          for (const name of ["tal 1.md", "tal 2.md", "bild.png"])
            dropped.items.add(new File([`# Das ${name}\\n\\nDas Tal ist grün und weit.`], name));
          return dropped;
        }"""
    )
    page.locator("#articles-upload button").first.dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator("#articles-told h3")).to_have_text("2 aufgenommen, 1 nicht aufgenommen")
    expect(page.locator("#articles-told tr.failed")).to_contain_text("Möglich sind nur Dateien mit .md")


def test_an_upload_that_is_too_large_is_told_and_not_sent(open_tab: OpenTab, tmp_path: Path) -> None:
    page = open_tab(locale="de-DE")
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.url) if "/upload" in r.url else None)
    large = []
    for number in range(3):
        large.append(tmp_path / f"{number}.md")
        with large[-1].open("wb") as file:
            file.truncate(17 * 2**20)
    chooser = page.locator("#articles-upload input[type=file]")
    chooser.set_input_files(large)
    told = page.locator("#articles-told")
    expect(told).to_contain_text("Zusammen 51 MB, auf einmal gehen 50 MB.")
    expect(told).to_contain_text("Laden Sie weniger hoch")
    dropped = page.evaluate_handle(
        """() => {
          const dropped = new DataTransfer();
          for (const name of ["a.md", "b.md"]) dropped.items.add(new File([new Uint8Array(30 * 2 ** 20)], name));
          return dropped;
        }"""
    )
    page.locator("#articles-upload button").first.dispatch_event("drop", {"dataTransfer": dropped})
    expect(told).to_contain_text("Zusammen 60 MB")
    expect(page.locator(".toast-body")).to_have_count(0)
    assert sent == []
    upload(page, {"klein.md": b"# Klein\n\nEin kleiner Text geht immer noch.\n"})
    expect(told.locator("tr.added")).to_contain_text("klein.md")


def test_an_archive_goes_in_and_nothing_stays_in_the_cache(open_tab: OpenTab, tmp_path: Path, site: str) -> None:
    made = tmp_path / "news.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("2024/月亮.md", "# 月亮上的兔子\n\n昨天晚上的月亮又大又圆，兔子坐在屋顶上看月亮。\n")
        archive.writestr("2024/inner.zip", b"PK")
    page = open_tab(locale="zh-CN")
    with page.expect_response(lambda response: response.url.startswith(f"{site}/gradio_api/upload?")) as sent:
        page.locator("#articles-upload input[type=file]").set_input_files(made)
    expect(page.locator("#articles-told tr.added")).to_contain_text("news.zip/2024/月亮.md")
    expect(page.locator("#articles-told tr.failed")).to_contain_text("压缩包里的压缩包不会打开")
    (path,) = sent.value.json()
    assert not Path(path).parent.exists()
    page.locator("#articles-told a.open-article").click()
    expect(page.locator("#article h2")).to_have_text("月亮上的兔子")


def test_hostile_words_of_an_article_load_nothing_and_lead_nowhere(open_tab: OpenTab) -> None:
    page = open_tab()
    hostile = (
        '---\ntitle: "<img src=http://images.test/a.png onerror=alert(1)> [x](javascript:alert(1))"\n'
        "url: javascript:alert(1)\ntag: [<b>bold</b>]\n---\n\n"
        '# Hi <img src="http://images.test/b.png">\n\n![i](http://images.test/c.png) <script>x()</script> Text.\n\n'
        "## Q&A\n\n**Who <img src=http://images.test/d.png> came?**\n\nAnswer: Anna <b>came</b>.\n"
    )
    upload(page, {"<img src=x>.md": hostile.encode()})
    page.locator("#articles-told a.open-article").click()
    expect(page.locator("#article .reading")).to_contain_text("Anna <b>came</b>.")
    expect(page.locator("#article .offered")).to_contain_text("<img src=http")
    expect(page.locator("#shelves img, #shelves script")).to_have_count(0)
    expect(page.locator("#shelves a[href^=javascript]")).to_have_count(0)


def test_while_an_ingest_is_under_way_the_page_says_so(
    open_tab: OpenTab, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "PATIENCE", 0.05)
    page = open_tab(locale="de-DE")
    lock = OwnerLock(home / "data" / "ingest.lock")
    lock.acquire("ingest")
    try:
        file: FilePayload = {"name": "a.md", "mimeType": "text/markdown", "buffer": b"# A\n\nThe cat sleeps.\n"}
        page.locator("#articles-upload input[type=file]").set_input_files(file)
        expect(page.locator("#articles-told")).to_have_text(
            "Die Artikel werden gerade eingelesen. Bitte gleich noch einmal versuchen."
        )
    finally:
        lock.release()


# --- Who may upload -----------------------------------------------------------------------------------------


@pytest.fixture
def closed_site(product: Assistant, home: Path) -> Any:
    """The app with a login, to be called without a server: clients are strangers then, from no loopback address."""
    from fastapi.testclient import TestClient  # noqa: PLC0415

    api = create_api(product, max_upload_mb=1)
    page = build_chat(product, runs=home / "runs")
    return TestClient(mount(api, page, runs=home / "runs", users=[("anna", "secret")], max_upload_mb=1))


def test_with_a_login_only_who_is_logged_in_uploads(closed_site: Any) -> None:
    files = {"files": ("a.md", b"# A")}
    assert closed_site.post("/gradio_api/upload", files=files).status_code == 401
    assert closed_site.post("/login", data={"username": "anna", "password": "secret"}).status_code == 200
    accepted = closed_site.post("/gradio_api/upload", files=files)
    assert accepted.status_code == 200
    for path in map(Path, accepted.json()):
        path.unlink()
        path.parent.rmdir()
    assert closed_site.post("/gradio_api/upload", files={"files": ("a.md", b"a" * 2 * 2**20)}).status_code == 413


def test_whose_login_may_only_read_uploads_nothing(product: Assistant, home: Path) -> None:
    from fastapi.testclient import TestClient  # noqa: PLC0415

    page = build_chat(product, runs=home / "runs", visitors=Visitors(read_only=["ben"]))
    logins = {"users": [("anna", "secret"), ("ben", "also:secret")], "read_only": ["ben"]}
    reader = TestClient(mount(create_api(product), page, runs=home / "runs", **logins))  # type: ignore[arg-type]
    assert reader.post("/login", data={"username": "ben", "password": "also:secret"}).status_code == 200
    refused = reader.post("/gradio_api/upload", files={"files": ("a.md", b"# A")})
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "forbidden")


def test_without_a_login_nobody_uploads_from_another_machine_or_another_site(
    product: Assistant, home: Path, site: str
) -> None:
    from fastapi.testclient import TestClient  # noqa: PLC0415

    files = {"files": ("a.md", b"# A")}
    stranger = TestClient(
        mount(create_api(product), build_chat(product, runs=home / "runs"), runs=home / "runs"), client=("192.0.2.1", 5)
    )
    assert stranger.post("/gradio_api/upload", files=files).status_code == 401
    foreign = httpx2.post(f"{site}/gradio_api/upload", files=files, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    unknown_length = httpx2.post(f"{site}/gradio_api/upload", content=iter([b"x"]))
    assert unknown_length.status_code == 400
