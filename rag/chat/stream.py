"""Replies as they are written: bounded in time, tried again while nothing was said yet, cancelled at any moment."""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import threading
from collections.abc import Generator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

# The client looks whether httpx is imported, and breaks where another thread has imported half of it.
import httpx  # noqa: F401
import openai

from rag.chat.failures import UNREADABLE, Failures, passes, retry_after
from rag.chat.loop_thread import LoopThread
from rag.chat.reply import Received
from rag.errors import CancelledReplyError, ChatModelError, ReplyError

_REJECTIONS = (openai.BadRequestError, openai.UnprocessableEntityError)
POLL = 0.05  # seconds between two looks at whether a reply is still wanted


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a person waits, in seconds."""

    connect: float = 5.0
    first_token: float = 30.0  # from the start of a try
    gap: float = 20.0  # between tokens
    total: float = 120.0  # all tries together
    retries: int = 2  # of a call that failed before its first token
    backoff: float = 0.5  # before the first retry, twice as long before the next; a random part of it is left off
    longest_wait: float = 5.0  # that a server may ask for by Retry-After; nobody waits longer for a try
    settle: float = 1.0  # for the counts of tokens that may follow the end of a reply


class Streams:
    """Streamed replies of one server, all on one event loop: only there can a call that waits be cancelled."""

    def __init__(self, base_url: str, api_key: str, limits: Limits, failures: Failures) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._client: openai.AsyncOpenAI | None = None
        self._loop = LoopThread("chat model")
        self.limits = limits
        self.failures = failures
        self.counts_tokens: bool | None = None  # whether the server can be asked to; None: not known yet

    def open(self, request: dict[str, Any], cancelled: threading.Event | None, seconds: float | None = None) -> Stream:
        """A reply to be, for which ``seconds`` may be less than the limit. Nothing is sent before its pieces are
        asked for."""
        total = self.limits.total if seconds is None else min(seconds, self.limits.total)
        return Stream(self, request, cancelled, replace(self.limits, total=total))

    def submit(self, stream: Stream) -> concurrent.futures.Future[None]:
        """Begin to receive a reply."""
        try:
            return self._loop.submit(stream.receive)
        except RuntimeError:
            raise ChatModelError("the language model was closed; no more can be asked of it") from None

    def client(self) -> openai.AsyncOpenAI:
        """The client, made on the loop that its connections belong to."""
        if self._client is None:
            # Only the connection is left to the client's own clock, and trying again is not left to it at all.
            self._client = openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key,
                timeout=openai.Timeout(None, connect=self.limits.connect),
                max_retries=0,
            )
        return self._client

    def close(self) -> None:
        """Cancel what is being received, and end the loop."""
        self._loop.close(self._close_client)

    async def _close_client(self) -> None:
        if self._client is not None:
            await self._client.close()


class Stream:
    """One reply that is being received. ``received`` is what there is of it."""

    def __init__(
        self, streams: Streams, request: dict[str, Any], cancelled: threading.Event | None, limits: Limits
    ) -> None:
        self._streams = streams
        self._limits = limits
        self._request = request
        self._cancelled = cancelled
        self._pieces: SimpleQueue[str | None] = SimpleQueue()  # None: there are no more
        self._end = 0.0  # when the time for all of it is over, by the loop's clock
        self._counting = streams.counts_tokens is not False
        self.received = Received(request["max_tokens"])
        self.calls = 0  # requests that were sent
        self.accepted = False  # the server took one on

    def pieces(self) -> Generator[str, None, None]:
        """The text as it comes. Closing the generator closes the connection.

        Raises:
            CancelledReplyError: it is no longer wanted.
            ChatModelError, ReplyError: see ``rag.chat.model``.
        """
        if self._unwanted():
            raise self._cancellation()
        future = self._streams.submit(self)
        future.add_done_callback(lambda _: self._pieces.put(None))
        try:
            while (piece := self._pieces.get()) is not None:
                if self._unwanted():
                    raise self._cancellation()
                yield piece
            future.result()
        except concurrent.futures.CancelledError:
            raise self._cancellation() from None
        finally:
            future.cancel()

    async def receive(self) -> None:
        """Receive it all, unless it is cancelled. Runs on the loop."""
        task = asyncio.create_task(self._receive())
        try:
            while not task.done() and not self._unwanted():
                # A threading.Event can only be waited for by a thread, which it would take whole.
                await asyncio.wait({task}, timeout=POLL if self._cancelled else None)
        finally:
            task.cancel()
            await asyncio.wait({task})  # until the connection is closed
        await task

    async def _receive(self) -> None:
        self._end = asyncio.get_running_loop().time() + self._limits.total
        while True:
            self.calls += 1
            try:
                return await self._try()
            except (*UNREADABLE, TimeoutError) as error:
                if self.received.finish:
                    return None  # all was said; what came after it does not matter
                wait = self._wait_before_retry(error)
                if wait is None:
                    # Without its cause: servers repeat the key in their answers, and a traceback would print it.
                    raise self._failure(error) from None
                await asyncio.sleep(wait)

    async def _try(self) -> None:
        now = asyncio.get_running_loop().time
        limits, received = self._limits, self.received
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if self._counting else {}
        async with asyncio.timeout_at(min(self._end, now() + limits.first_token)) as clock:
            completions = self._streams.client().chat.completions
            stream = await completions.create(**self._request, **options, stream=True)
            self.accepted = True
            self._streams.counts_tokens = self._counting
            async with stream:
                async for chunk in stream:
                    seen, finished = received.seen, received.finish
                    if piece := received.take(chunk):
                        self._pieces.put(piece)
                    if received.finish and not finished:
                        clock.reschedule(now() + limits.settle)
                    elif received.seen > seen and not received.finish:  # a server's sign of life is no token
                        clock.reschedule(min(self._end, now() + limits.gap))

    def _wait_before_retry(self, error: Exception) -> float | None:
        """Seconds to wait before another try; None: there is no point in one."""
        if self.received.seen:
            return None
        if self._counting and self._streams.counts_tokens is None and isinstance(error, _REJECTIONS):
            self._counting = False  # servers that do not know the option refuse it in words of their own
            return 0.0
        if not passes(error) or self.calls > self._limits.retries:
            return None
        wait = self._limits.backoff * 2 ** (self.calls - 1) * random.uniform(0.5, 1.0)
        asked = retry_after(error)
        if asked is not None:
            if asked > self._limits.longest_wait:
                return None
            wait = asked + random.uniform(0.0, 0.1) * asked  # not sooner, and not all at once
        left = self._end - asyncio.get_running_loop().time()
        return wait if wait < left else None

    def _failure(self, error: Exception) -> ChatModelError:
        limits, failures = self._limits, self._streams.failures
        late = asyncio.get_running_loop().time() >= self._end
        if isinstance(error, TimeoutError):
            what = "finish its reply" if late else "go on with its reply" if self.received.seen else "begin its reply"
            seconds = limits.total if late else limits.gap if self.received.seen else limits.first_token
            failure = failures.timeout(what, seconds)
        else:
            failure = failures.of(error, limits.connect)
        if not self.received.seen:
            return failure
        why = f"{self._request['model']} was cut off: {failure}"
        return ReplyError(why, self.received.text, by_server=failure.by_server, words=failure.words)

    def _unwanted(self) -> bool:
        return self._cancelled is not None and self._cancelled.is_set()

    def _cancellation(self) -> CancelledReplyError:
        return CancelledReplyError(f"the reply of {self._request['model']} was cancelled", self.received.text)
