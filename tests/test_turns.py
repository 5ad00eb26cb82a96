"""Who waits for an encoder: questions beside a thread that reads many passages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from rag.encoders.e5 import E5Encoder, find_weights
from rag.encoders.embedding import BATCH, UseEmbedding, embed_question, embed_texts
from rag.encoders.turns import Turns

PATIENCE = 60.0
MANY = 100
PASSAGE = "The lighthouse at the northern cape rises 41 metres above the sea, and its lamp is seen from far away."


def waits(turns: Turns, ask: Callable[[], object]) -> threading.Thread:
    """A thread that asks for a turn which somebody else has, once it stands in line."""
    before = len(turns._line)
    thread = threading.Thread(target=ask)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while len(turns._line) == before:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return thread


def test_the_line_is_served_in_its_order() -> None:
    turns, served = Turns(), list[int]()

    def take(number: int) -> None:
        with turns:
            served.append(number)

    with turns:
        threads = [waits(turns, lambda number=number: take(number)) for number in range(20)]  # type: ignore[misc]
    for thread in threads:
        thread.join(PATIENCE)
    assert served == list(range(20))


def test_who_takes_it_again_and_again_lets_others_in_between() -> None:
    turns, is_served = Turns(), threading.Event()

    def ask() -> None:
        with turns:
            is_served.set()

    with turns:
        thread = waits(turns, ask)
    with turns:
        assert is_served.is_set()
    thread.join(PATIENCE)


def test_who_fails_gives_it_back() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="no weights"), turns:
        raise ValueError("no weights")
    with turns:
        pass


def test_who_is_interrupted_in_the_line_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with turns:
        with monkeypatch.context() as patched:
            patched.setattr(turns._changed, "wait_for", interrupt)
            with pytest.raises(KeyboardInterrupt):
                turns.__enter__()
        served = list[str]()

        def ask() -> None:
            with turns:
                served.append("next")

        thread = waits(turns, ask)
    thread.join(PATIENCE)
    assert served == ["next"]


def passes_while_asked(
    monkeypatch: pytest.MonkeyPatch, of: object, name: str, read: Callable[[], object], ask: Callable[[], object]
) -> tuple[int, int]:
    """How many passes an encoder made from when a question came until it had its vector, and how many in all, while
    another thread let it read many texts."""
    passes, is_reading = list[None](), threading.Event()
    real = getattr(of, name)

    def counted(*given: object) -> object:
        passes.append(None)
        is_reading.set()
        return real(*given)

    monkeypatch.setattr(of, name, counted)
    reading = threading.Thread(target=read)
    reading.start()
    assert is_reading.wait(PATIENCE)
    before = len(passes)
    ask()
    during = len(passes) - before
    reading.join(PATIENCE)
    return during, len(passes)


def test_a_question_waits_for_one_pass_of_the_fine_encoder_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = find_weights()
    assert weights
    encoder = E5Encoder(weights)
    encoder.question("warm up", "en")
    during, of_all = passes_while_asked(
        monkeypatch,
        encoder,
        "_pass",
        lambda: encoder.read([[PASSAGE]] * MANY, "en"),
        lambda: encoder.question("How tall is the lighthouse?", "en"),
    )
    assert of_all > 15
    assert during <= 3  # the one that runs, perhaps one that came into the line before it, its own


def test_a_question_waits_for_one_pass_of_the_embedder_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = UseEmbedding()
    embed_question(embedder, "warm up")
    during, of_all = passes_while_asked(
        monkeypatch,
        embedder._model,
        "encode",
        lambda: embed_texts(embedder, [PASSAGE] * MANY),
        lambda: embed_question(embedder, "How tall is the lighthouse?"),
    )
    assert of_all == -(-MANY // BATCH) + 1
    assert during <= 3
