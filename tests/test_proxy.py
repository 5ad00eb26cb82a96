"""The whole product behind nginx as ``docs/deploy.md`` sets it up: TLS, a prefix, streams that are not held back."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import httpx2
import openai
import pytest
from conftest import ROOT
from page_fixtures import OpenPage, ask
from playwright.sync_api import expect
from web_fakes import HandMadeAssistant

from rag.keys import Keyring
from rag.types import Update
from rag.web.api import create_api
from rag.web.chat import build_chat, end_streams, mount
from rag.web.server import Server, bind
from rag.web.wall import Access

pytest_plugins = ["page_fixtures"]

KEY = "key-of-the-test"
AROUND = """
daemon off;
pid nginx.pid;
worker_processes 1;
events {{ worker_connections 200; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
    {server}
}}
"""


class Pausing(HandMadeAssistant):
    """Says what it found at once, and the rest when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def stream(self, question: str, **asked: Any) -> Iterator[Update]:
        found, said, *rest = super().stream(question, **asked)
        yield from (found, said)
        assert self.may_go_on.wait(20)
        yield from rest


@pytest.fixture(scope="module")
def pausing() -> Pausing:
    return Pausing()


@pytest.fixture(scope="module")
def behind(pausing: Pausing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The port of the product itself."""
    runs = tmp_path_factory.mktemp("runs")
    access = Access(Keyring([KEY]), trusted_proxies=("127.0.0.1",), root_path="/articles")
    api = create_api(pausing, access=access)
    mount(api, build_chat(pausing, runs=runs), runs=runs, root_path="/articles")
    ready: Queue[str] = Queue()
    server = Server(api, ready.put, end_streams)
    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield ready.get(timeout=60).rpartition(":")[2]
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture(scope="module")
def front(behind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx, with a certificate of its own making."""
    nginx_at = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin") or ""
    if not (nginx_at and shutil.which("openssl")):
        reason = "nginx and openssl are not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("nginx")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*made, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", *files], check=True, text=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    block = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "deploy.md").read_text("utf-8"), re.DOTALL)
    assert block
    server = block[1]
    for documented, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("articles.example.org", "localhost"),
        ("/etc/ssl/articles.pem", str(folder / "cert.pem")),
        ("/etc/ssl/articles.key", str(folder / "key.pem")),
        ("127.0.0.1:7860", f"127.0.0.1:{behind}"),
    ):
        assert documented in server
        server = server.replace(documented, here)
    (folder / "nginx.conf").write_text(AROUND.format(server=server))
    command = [nginx_at, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    with subprocess.Popen(command) as nginx:
        try:
            wait_for(port, nginx)
            yield f"https://127.0.0.1:{port}/articles/"
        finally:
            nginx.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until it listens."""
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(f"nginx ended with {process.returncode}")


@pytest.fixture
def client(front: str) -> Iterator[httpx2.Client]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=front, verify=context, headers=headers, timeout=30) as opened:
        yield opened


def test_the_page_loads_under_the_prefix_and_answers(front: str, open_page: OpenPage) -> None:
    page = open_page(front, ignore_https_errors=True)  # which sees that nothing is fetched from beside the prefix
    ask(page, "Was fraß die Katze?")
    expect(page.locator("#chat .answer:not(.going-on)")).to_contain_text("3 Mäuse")
    expect(page.locator("#sources .card mark")).to_contain_text("3 Mäuse")
    page.locator("#tab-articles-button").click()
    expect(page.locator("#articles .open-article")).to_be_visible()
    with page.expect_download() as download:
        page.evaluate("document.querySelector('#save-markdown').click()")
    assert download.value.suggested_filename.endswith(".md")


def test_the_address_without_its_last_slash_leads_to_the_page(client: httpx2.Client, front: str) -> None:
    response = client.get(front.rstrip("/"))
    assert (response.status_code, response.headers["location"]) == (301, "/articles/")


def test_events_are_sent_on_as_they_come(client: httpx2.Client, pausing: Pausing) -> None:
    pausing.may_go_on.clear()
    names = []
    with client.stream("POST", "api/ask", json={"question": "Was?", "stream": True}) as response:
        for line in response.iter_lines():
            if line.startswith("event: "):
                names.append(line.removeprefix("event: "))
            if names == ["passages", "sentence"]:
                pausing.may_go_on.set()  # the rest comes only once these are here
    assert names == ["passages", "sentence", "answer"]


def test_a_client_of_openais_streams_through_it(client: httpx2.Client, pausing: Pausing, front: str) -> None:
    pausing.may_go_on.clear()
    content = ""
    with openai.OpenAI(base_url=f"{front}v1", api_key=KEY, http_client=client, max_retries=0) as openai_client:
        messages: Any = [{"role": "user", "content": "Was?"}]
        for chunk in openai_client.chat.completions.create(model="articles", messages=messages, stream=True):
            content += (chunk.choices[0].delta.content or "") if chunk.choices else ""
            if "3 Mäuse" in content:
                pausing.may_go_on.set()
    assert "3 Mäuse" in content


def test_who_comes_through_it_needs_a_key_and_is_known_by_the_own_address(front: str, client: httpx2.Client) -> None:
    refused = client.get("api/articles", headers={"Authorization": "Bearer wrong", "X-Forwarded-For": "192.0.2.99"})
    assert refused.status_code == 401
    assert refused.headers["x-request-id"]
    assert client.get("api/articles").status_code == 200
    servers = json.loads(client.get("openapi.json").text)["servers"]
    assert servers == [{"url": "/articles"}]
