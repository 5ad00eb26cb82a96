"""The page's HTML as it goes out: its own scripts before Gradio's, and the words that they say."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from web_fakes import HandMadeAssistant

from rag.types import LANGS
from rag.web.api import create_api
from rag.web.chat import build_chat, mount
from rag.web.front_door import SCRIPTS
from rag.web.i18n import COOKIE
from rag.web.strings import SCRIPT_WORDS, TEXTS

WEB = Path(__file__).parent.parent / "rag" / "web"
JAVASCRIPT = {path.name: path.read_text("utf-8") for path in WEB.glob("*.js")}


class Browser:
    """Fetches from the whole app; ``sent`` is what went over the wire."""

    def __init__(self, runs: Path, **how: Any) -> None:
        assistant = HandMadeAssistant()
        self._app = mount(create_api(assistant), build_chat(assistant, runs=runs), runs=runs, **how)
        self._cookies = httpx2.Cookies()

    def fetch(self, path: str = "/", method: str = "GET", **how: Any) -> Fetched:
        """One request, with the cookies of those before."""

        async def fetched() -> Fetched:
            transport = httpx2.ASGITransport(self._app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://site", cookies=self._cookies) as client:
                async with client.stream(method, path, **how) as response:
                    sent = b"".join([piece async for piece in response.aiter_raw()])
                self._cookies.update(client.cookies)
                decoded = httpx2.Response(response.status_code, headers=response.headers, content=sent)
                return Fetched(response.status_code, response.headers, sent, decoded.text)

        return asyncio.run(fetched())


@dataclass(frozen=True, slots=True)
class Fetched:
    """A response: ``sent`` as it went over the wire, ``text`` as a browser reads it."""

    status: int
    headers: httpx2.Headers
    sent: bytes
    text: str


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return Browser(tmp_path_factory.mktemp("runs"))


def first_script(html: str) -> str:
    """What a browser runs first: all up to the first end of a script, whatever stands in it."""
    found = re.search(r"<script[^>]*>(.*?)</script", html, re.DOTALL | re.IGNORECASE)
    assert found
    return found[1]


def words_in(html: str) -> dict[str, Any]:
    """The words that the scripts are given."""
    told = re.match(r"window\.ask = (\{.*\});\n", first_script(html))
    assert told
    read = json.loads(told[1])
    assert isinstance(read, dict)
    return read


# --- Going out ----------------------------------------------------------------------------------------------


def test_the_pages_scripts_run_before_all_of_gradio(browser: Browser) -> None:
    html = browser.fetch().text
    script = first_script(html)
    assert all(JAVASCRIPT[name] in script for name in SCRIPTS)
    places = [script.index(JAVASCRIPT[name]) for name in SCRIPTS]
    assert places == sorted(places)
    assert re.search(r'<head><meta [^>]+><script nonce="[^"]+">window\.ask', html)
    assert html.count("window.ask =") == 1
    assert "gradio_config" in html  # the page itself is still there


def test_every_script_of_the_page_is_served(browser: Browser) -> None:
    assert set(SCRIPTS) == set(JAVASCRIPT)


def test_the_scripts_have_their_words_in_every_language(browser: Browser) -> None:
    told = words_in(browser.fetch().text)
    assert told == {
        "words": {lang: {name: TEXTS[lang][name] for name in SCRIPT_WORDS} for lang in LANGS},
        "cookie": COOKIE,
    }


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "gzip, deflate, br, zstd"])
def test_the_length_that_is_told_is_the_length_that_is_sent(browser: Browser, encoding: str) -> None:
    fetched = browser.fetch(headers={"accept-encoding": encoding})
    assert fetched.headers.get("content-length") in (None, str(len(fetched.sent)))
    assert first_script(fetched.text).startswith("window.ask = ")


def test_without_a_body_the_length_is_told_all_the_same(browser: Browser) -> None:
    plain = {"accept-encoding": "identity"}
    head, get = browser.fetch("/", "HEAD", headers=plain), browser.fetch("/", headers=plain)
    assert head.status == get.status == 200
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.sent))
    assert head.headers["content-type"] == get.headers["content-type"]


def test_nothing_else_is_changed(browser: Browser) -> None:
    for path in ("/config", "/theme.css", "/openapi.json", "/docs"):
        fetched = browser.fetch(path)
        assert fetched.status == 200
        assert "window.ask" not in fetched.text
        assert fetched.headers.get("content-length") in (None, str(len(fetched.sent)))
    assert browser.fetch("/", "POST").status == 405


def test_who_has_to_log_in_is_asked_in_the_chosen_language_too(tmp_path: Path) -> None:
    locked = Browser(tmp_path, users=[("anna", "geheim")])
    asked = locked.fetch(headers={"accept-encoding": "identity"})
    assert first_script(asked.text).startswith("window.ask = ")
    assert "ask_lang" in first_script(asked.text)
    assert "feedback-up" not in asked.text  # of the page itself nothing
    assert asked.headers["content-length"] == str(len(asked.sent))
    assert locked.fetch("/login", "POST", data={"username": "anna", "password": "geheim"}).status == 200
    assert "feedback-up" in locked.fetch().text
    assert first_script(locked.fetch().text).startswith("window.ask = ")


def test_no_word_can_end_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = "</script><b>x</b><!-- <script> \u2028"
    monkeypatch.setitem(TEXTS["de"], "saved", hostile)
    html = Browser(tmp_path).fetch().text
    assert words_in(html)["words"]["de"]["saved"] == hostile
    assert JAVASCRIPT["shelf.js"] in first_script(html)
    assert "<b>x" not in first_script(html)


def test_every_script_bears_the_nonce_of_its_response_and_no_other_may_run(browser: Browser) -> None:
    fetched = browser.fetch()
    policy = dict(part.split(" ", 1) for part in fetched.headers["content-security-policy"].split("; "))
    nonce = re.fullmatch(r"'nonce-([\w-]{20,})'", policy["script-src"])
    assert nonce
    assert policy["default-src"] == policy["object-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == policy["form-action"] == policy["base-uri"] == "'self'"
    tags = re.findall(r"<script[^>]*>", fetched.text)
    assert len(tags) > 3
    assert all(f'nonce="{nonce[1]}"' in tag for tag in tags)
    assert nonce[1] not in browser.fetch().headers["content-security-policy"]


@pytest.mark.parametrize("said", ["</script><script>x()</script>", '"><script>x()</script>'])
def test_nothing_that_a_request_says_becomes_a_script(browser: Browser, said: str) -> None:
    ours = len(re.findall("<script", browser.fetch().text))
    headers = {"x-forwarded-host": said, "accept-language": said, "cookie": f"{COOKIE}={said}", "user-agent": said}
    asked = browser.fetch(f"/?__theme={said}&lang={said}", headers=headers)
    assert asked.status in (200, 400)
    assert len(re.findall("<script", asked.text)) in (0, ours)


def test_what_a_server_sends_besides_goes_through(tmp_path: Path) -> None:
    assistant = HandMadeAssistant()
    site = mount(create_api(assistant), build_chat(assistant, runs=tmp_path), runs=tmp_path)
    assert TestClient(site).get("/").status_code == 200  # asks for messages to debug with


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_ends_itself_or_needs_eval(name: str) -> None:
    script = JAVASCRIPT[name]
    assert not re.search(r"</script|<!--", script, re.IGNORECASE)
    assert not re.search(r"\beval\(|new Function|https?://", script)


# --- Words --------------------------------------------------------------------------------------------------


def test_every_word_that_a_script_says_is_sent_to_it() -> None:
    said = {word for script in JAVASCRIPT.values() for word in re.findall(r'ask\.word\("(\w+)"\)', script)}
    assert len(said) > 3
    assert said <= set(SCRIPT_WORDS)


@pytest.mark.parametrize("word", SCRIPT_WORDS)
def test_every_word_that_is_sent_is_said_by_a_script(word: str) -> None:
    assert any(re.search(rf'"{word}"', script) for script in JAVASCRIPT.values())
    assert all(word in TEXTS[lang] for lang in LANGS)


def test_a_script_is_sent_each_word_once() -> None:
    assert len(set(SCRIPT_WORDS)) == len(SCRIPT_WORDS)


# --- What comes back ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/gradio_api/run/predict", "/gradio_api/queue/join"])
def test_a_conversation_as_long_as_the_script_gives_back_is_taken(browser: Browser, path: str) -> None:
    most = re.search(r"MOST_AT_ONCE = ([\d_]+)", JAVASCRIPT["conversations.js"])
    assert most
    data = ["1\n" + "猫" * int(most[1])]
    given = json.dumps({"fn_index": -1, "session_hash": "of a page", "data": data}, ensure_ascii=False).encode()
    with pytest.raises(KeyError, match="-1"):  # it was read, and such a function there is not
        browser.fetch(path, "POST", content=given, headers={"content-type": "application/json"})
