"""How long an answer takes on the page when many people ask at the same moment.

python bench/sessions.py [SESSIONS] [ROUNDS] [ARTICLES]

Every session speaks what the page speaks to its server: it joins Gradio's queue and reads the events of its answer to
the last. Beside it, from as many clients at the same moment: the same questions through POST /api/ask, and GET /health.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

import httpx2
from product import ROOT, serving
from timing import told

from rag.ingesting.folders import find_files
from rag.reading.articles import read_article
from rag.types import LANGS

SESSIONS = 50
ROUNDS = 5
GOAL = 2000  # milliseconds, for the median
API = "/gradio_api"
PATIENCE = 120  # seconds for one answer

Ask = Callable[[int, str], Awaitable[None]]  # the session's number and its question; raises when there is no answer


@dataclass(frozen=True)
class Call:
    """A function of the page by its number, and what it is given by default."""

    number: int
    inputs: tuple[Any, ...]


@dataclass(frozen=True)
class Reply:
    """The page's function that answers: its number, the button that calls it, and what it is given by default; and the
    functions that the page calls once it has."""

    number: int
    button: int
    inputs: tuple[Any, ...]
    then: tuple[Call, ...]


def main() -> int:
    """Print medians, 95th percentiles, the longest, failures, and how busy the machine was."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    folder = Path(sys.argv[3] if len(sys.argv) > 3 else ROOT / "articles").resolve()
    questions = _questions(folder)
    print(f"{os.cpu_count()} cores, load before {_load()}; {sessions} at once, {rounds} rounds")
    with serving(folder) as served:
        page = asyncio.run(_measure(served.address, list(islice(cycle(questions), sessions * rounds)), sessions))
    print(f"load after {_load()}")
    return 0 if page and statistics.median(page) < GOAL else 1


def _questions(folder: Path) -> list[str]:
    """The articles' own questions, the languages taking turns."""
    by_lang: dict[str, list[str]] = {lang: [] for lang in LANGS}
    for path in find_files(folder):
        for section in read_article(path, folder).sections:
            by_lang[section.lang] += [pair.question.text for pair in section.qa]
    return [one for turn in zip_longest(*by_lang.values()) for one in turn if one]


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


async def _measure(address: str, questions: Sequence[str], sessions: int) -> list[float]:
    """Print a line for each way to ask; the times of the page."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        config = (await client.get("/config")).json()
        reply = find_reply(config)
        names = [uuid.uuid4().hex for _ in range(sessions)]
        for name in names:  # as whoever asks has opened the page before
            await _open(client, config, name)
        held = [asyncio.create_task(_hold_open(client, name)) for name in names]
        ways: dict[str, Ask] = {
            "GET /health": lambda number, question: _health(client),
            "POST /api/ask": lambda number, question: _api(client, question),
            "the page": lambda number, question: _page(client, reply, names[number], question, after),
        }
        page: list[float] = []
        after: set[asyncio.Task[None]] = set()
        for question in dict.fromkeys(questions):  # unmeasured, so that no way profits from the one before it
            await _api(client, question)
        for way, ask in ways.items():
            page, failures, seconds = await _waves(ask, questions, sessions)
            longest = f"max {max(page):.1f} ms, " if page else ""
            rate = len(page) / seconds
            print(f"{told(way, page) if page else way}, {longest}{len(failures)} failed, {rate:.1f} a second")
            for failure in sorted(set(failures)):
                print(f"  {failure}")
        await asyncio.gather(*after)
        for task in held:
            task.cancel()
    return page


async def _waves(ask: Ask, questions: Sequence[str], sessions: int) -> tuple[list[float], list[str], float]:
    """Ask in waves, everybody at once, the next wave when all are answered: times, failures, seconds in all."""
    times: list[float] = []
    failures: list[str] = []

    async def one(number: int, question: str) -> None:
        started = time.perf_counter()
        try:
            await ask(number, question)
            times.append((time.perf_counter() - started) * 1000)
        except (httpx2.HTTPError, RuntimeError) as error:
            failures.append(f"{type(error).__name__}: {error}")

    started = time.perf_counter()
    for first in range(0, len(questions), sessions):
        wave = questions[first : first + sessions]
        await asyncio.gather(*(one(number, question) for number, question in enumerate(wave)))
    return times, failures, time.perf_counter() - started


# --- What a browser does ------------------------------------------------------------------------------------


def find_reply(config: dict[str, Any]) -> Reply:
    """The function behind a click on ``#ask``, as the page's configuration tells it."""
    button = next(part["id"] for part in config["components"] if part["props"].get("elem_id") == "ask")
    called = next(one for one in config["dependencies"] if [button, "click"] in one["targets"] and one["backend_fn"])
    then = [_called(config, one) for one in config["dependencies"] if one.get("trigger_after") == called["id"]]
    return Reply(called["id"], button, _called(config, called).inputs, tuple(then))


def _called(config: dict[str, Any], dependency: dict[str, Any]) -> Call:
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    return Call(dependency["id"], tuple(values[number] for number in dependency["inputs"]))


async def _open(client: httpx2.AsyncClient, config: dict[str, Any], session: str) -> None:
    """What the page asks for when it is opened."""
    for one in config["dependencies"]:
        if one["targets"] and one["targets"][0][1] == "load":
            await _call(client, _called(config, one), session)


async def _call(client: httpx2.AsyncClient, call: Call, session: str) -> None:
    """Call a function of the page that does not wait in line."""
    body = {"data": call.inputs, "fn_index": call.number, "session_hash": session}
    (await client.post(f"{API}/run/predict", json=body)).raise_for_status()


async def _hold_open(client: httpx2.AsyncClient, session: str) -> None:
    """The connection that an open page holds."""
    async with client.stream("GET", f"{API}/heartbeat/{session}", timeout=None) as lasting:
        async for _ in lasting.aiter_raw():
            pass


async def _page(
    client: httpx2.AsyncClient, reply: Reply, session: str, question: str, after: set[asyncio.Task[None]]
) -> None:
    """An answer, after which the page goes on: what follows is not waited for, but the server is busy with it."""
    data = [question, *reply.inputs[1:]]  # the question box is the first of them
    body = {"data": data, "fn_index": reply.number, "trigger_id": reply.button, "session_hash": session}
    joined = await client.post(f"{API}/queue/join", json=body)
    joined.raise_for_status()
    async with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as events:
        async for line in events.aiter_lines():
            event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
            if event.get("msg") == "process_completed":
                if not (event["success"] and _is_answer(event["output"])):
                    raise RuntimeError(f"no answer: {str(event['output'])[:300]}")
                after.update(asyncio.create_task(_call(client, call, session)) for call in reply.then)
                return
    raise RuntimeError("the events ended before the answer")


def _is_answer(output: dict[str, Any]) -> bool:
    """Whether what the page shows at last is an answer or a refusal, and not a notice of a fault."""
    shown = json.dumps(output, ensure_ascii=False)
    return any(f'class=\\"{kind}' in shown for kind in ("answer", "refusal"))


# --- The rivals ---------------------------------------------------------------------------------------------


async def _api(client: httpx2.AsyncClient, question: str) -> None:
    (await client.post("/api/ask", json={"question": question})).raise_for_status()


async def _health(client: httpx2.AsyncClient) -> None:
    (await client.get("/health")).raise_for_status()


if __name__ == "__main__":
    sys.exit(main())
