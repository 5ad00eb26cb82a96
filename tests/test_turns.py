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


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def waits(turns: Turns, ask: Callable[[], object]) -> threading.Thread:
    """A thread that asks for a turn which somebody else has, once it stands in line."""
    before = len(turns._line)
    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: len(turns._line) > before)
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


def passes(
    monkeypatch: pytest.MonkeyPatch,
    encoder: E5Encoder | UseEmbedding,
    read: Callable[[], object],
    ask: Callable[[], object],
) -> list[str]:
    """Whose passes an encoder made, in order, while one thread let it read many texts and, once the first of them was
    under way, another asked a question."""
    made, is_reading = list[str](), threading.Event()
    of, name = (encoder, "_pass") if isinstance(encoder, E5Encoder) else (encoder._model, "encode")
    real = getattr(of, name)

    def watched(*given: object) -> object:
        made.append(threading.current_thread().name)
        is_reading.set()
        until(lambda: "asks" in made or len(encoder._turns._line) > 1)  # who asks is in the line, or was served
        return real(*given)

    monkeypatch.setattr(of, name, watched)
    reading, asking = threading.Thread(target=read, name="reads"), threading.Thread(target=ask, name="asks")
    reading.start()
    assert is_reading.wait(PATIENCE)
    asking.start()
    asking.join(PATIENCE)
    reading.join(PATIENCE)
    return made


def test_a_question_waits_for_one_pass_of_the_fine_encoder_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = find_weights()
    assert weights
    encoder = E5Encoder(weights)
    made = passes(
        monkeypatch,
        encoder,
        lambda: encoder.read([[PASSAGE]] * MANY, "en"),
        lambda: encoder.question("How tall is the lighthouse?", "en"),
    )
    assert made[:3] == ["reads", "asks", "reads"]
    assert len(made) > 15


def test_a_question_waits_for_one_pass_of_the_embedder_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = UseEmbedding()
    made = passes(
        monkeypatch,
        embedder,
        lambda: embed_texts(embedder, [PASSAGE] * MANY),
        lambda: embed_question(embedder, "How tall is the lighthouse?"),
    )
    assert made[:3] == ["reads", "asks", "reads"]
    assert len(made) == -(-MANY // BATCH) + 1
