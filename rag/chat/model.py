"""A language model behind an OpenAI-compatible server, as LlamaIndex knows language models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

import openai
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

from rag.chat.circuit import Circuit
from rag.chat.failures import UNREADABLE, Failures
from rag.chat.reply import Received, Reply, encodable
from rag.chat.stream import Limits, Streams
from rag.chat.tokens import count_tokens
from rag.errors import SettingsError
from rag.types import Usage

__all__ = ["ChatModel", "Limits", "Reply"]

OPENAI = "https://api.openai.com/v1"  # written out, so that the client does not look for an address by itself
TOKENS_A_MESSAGE = 8  # around each message of a conversation, in the formats of usual models


class ChatModel(CustomLLM):
    """A chat model of an OpenAI-compatible server; LlamaIndex's own integration excludes openai 3.

    ``stream`` is for a person who waits: bounded in time, cancelled at any moment, refused at once while the server is
    known to fail. The other calls are for work that nobody waits for: each try has its ``timeout``.

    Every call raises ``ChatModelSetupError`` when no call could do better (refused connection, wrong key or model),
    ``ReplyError`` when the reply is cut off, refused or empty, and ``ChatModelError`` when the server fails otherwise.
    """

    model: str
    temperature: float
    max_tokens: int  # of a reply
    context_window: int  # tokens of question and reply together

    _client: openai.OpenAI = PrivateAttr()
    _async_client: openai.AsyncOpenAI = PrivateAttr()
    _streams: Streams = PrivateAttr()
    _circuit: Circuit = PrivateAttr()
    _failures: Failures = PrivateAttr()
    _timeout: float = PrivateAttr()
    _prices: tuple[float, float] | None = PrivateAttr()
    _usage: Usage = PrivateAttr()
    _lock: threading.Lock = PrivateAttr()

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None,
        api_key: str | None,
        temperature: float = 0.0,
        timeout: float = 60.0,  # seconds, of one try of a call that is not streamed
        max_retries: int = 2,  # of such a call, after a failed connection, 429 and 5xx
        max_tokens: int = 1024,
        context_window: int = 8192,
        limits: Limits | None = None,  # of streams
        circuit: Circuit | None = None,  # around streams
        prices: tuple[float, float] | None = None,  # of a million tokens in, and out
    ) -> None:
        if not (base_url or api_key):
            raise SettingsError(f"the model {model} needs OPENAI_BASE_URL of a server, or OPENAI_API_KEY")
        super().__init__(model=model, temperature=temperature, max_tokens=max_tokens, context_window=context_window)
        parts = _checked_url(base_url or OPENAI)
        key = _checked_key(api_key)
        url = base_url or OPENAI
        self._failures = Failures(model, url, tuple(filter(None, (key, parts.password, parts.query))))
        self._streams = Streams(url, key or "none", limits or Limits(), self._failures)
        self._circuit = circuit or Circuit()
        self._prices = prices
        self._timeout = timeout
        self._usage = Usage()
        self._lock = threading.Lock()
        server: dict[str, Any] = {
            "base_url": url,
            "api_key": key or "none",  # without one the client would look for a key by itself
            "timeout": timeout,
            "max_retries": max_retries,
        }
        self._client = openai.OpenAI(**server)
        # A connection belongs to the event loop that opened it, and LlamaIndex runs a loop for each question: one that
        # was kept open would fail in the next loop.
        self._async_client = openai.AsyncOpenAI(**server, default_headers={"Connection": "close"})

    @classmethod
    def class_name(cls) -> str:
        """How LlamaIndex's events name it."""
        return "chat_model"

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex fits its prompts to."""
        return LLMMetadata(
            model_name=self.model,
            is_chat_model=True,
            context_window=self.context_window,
            num_output=self.max_tokens,
        )

    @property
    def usage(self) -> Usage:
        """What was used so far, by all threads; with its cost where there are prices."""
        with self._lock:
            used = self._usage
        return self._priced(used)

    @property
    def is_resting(self) -> bool:
        """Whether its server failed so often that it is left alone for now."""
        return self._circuit.is_open

    @property
    def failures(self) -> int:
        """How many streams its server failed so far."""
        return self._circuit.failures

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The reply to a prompt, sent as one message of a user."""
        return CompletionResponse(text=self._reply([_user(prompt)], kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The reply to a prompt, sent as one message of a user."""
        return CompletionResponse(text=await self._areply([_user(prompt)], kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """The whole reply as one piece: what is cut off or empty must be found out before anything is passed on."""

        def pieces() -> CompletionResponseGen:
            text = self._reply([_user(prompt)], kwargs)
            yield CompletionResponse(text=text, delta=text)

        return pieces()

    # The base class would write all messages into one prompt of its own, and would ask synchronously.

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The reply to a conversation."""
        return _response(self._reply(messages, kwargs))

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The reply to a conversation."""
        return _response(await self._areply(messages, kwargs))

    def stream(  # type: ignore[override]  # LlamaIndex's own takes a prompt template, which nothing here streams
        self,
        messages: Sequence[ChatMessage],
        *,
        cancelled: threading.Event | None = None,
        max_tokens: int | None = None,
        seconds: float | None = None,
        spent: Callable[[Usage], None] | None = None,
    ) -> Generator[str, None, Reply]:
        """The reply to a conversation as it is written, for a person who waits; the generator returns all of it.

        Setting ``cancelled`` from any thread, or closing the generator, closes the connection to the server at once,
        whatever it is waiting for. The pieces are the text of the reply in order; thoughts are left out. ``seconds``
        are those that it may take, where that is less than the limit of all streams. ``spent`` is told what the call
        took, also when it fails on the way.

        Raises:
            CancelledReplyError: ``cancelled`` was set.
            ReplyError: the reply was cut off (by the server, by a limit of tokens or time), refused, or empty.
            ChatModelSetupError: the server cannot be reached, or the key or the model is wrong.
            ChatModelError: the server failed, or the circuit is open, or this model was closed.
        """
        started = time.monotonic()
        request = self._request(messages, {"max_tokens": max_tokens} if max_tokens is not None else {})
        with self._circuit.call():
            stream = self._streams.open(request, cancelled, seconds)
            try:
                yield from stream.pieces()
                stream.received.check(self.model, self._failures)
            except GeneratorExit:
                if not stream.received.seen:
                    raise
                # Who reads has enough of it. The server did its part, which the circuit must hear of.
            finally:
                counted = stream.received.tokens
                tokens_in, tokens_out = counted or self._estimate(request, stream.received)
                if stream.accepted:
                    used = self._count(Usage(1, tokens_in, tokens_out))
                    if spent:
                        spent(used)
        return Reply(
            text=stream.received.text,
            finish=stream.received.finish or "",
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            calls=stream.calls,
            seconds=time.monotonic() - started,
            estimated=counted is None,
        )

    @staticmethod
    def count_tokens(text: str) -> int:
        """A number of tokens that a text does not exceed in any usual model; see ``rag.chat.tokens``."""
        return count_tokens(text)

    def close(self) -> None:
        """Cancel the streams that are being read and close the connections. A closed model streams no more."""
        self._streams.close()
        self._client.close()

    def _reply(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> str:
        request = self._request(messages, options)
        with self._own_errors():
            completion = self._client.chat.completions.create(**request)
        return self._read(completion, request)

    async def _areply(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> str:
        request = self._request(messages, options)
        with self._own_errors():
            completion = await self._async_client.chat.completions.create(**request)
        return self._read(completion, request)

    def _request(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> dict[str, Any]:
        said = [{"role": message.role.value, "content": encodable(message.content or "")} for message in messages]
        return {
            "model": self.model,
            "messages": said,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            **options,
        }

    def _read(self, completion: object, request: dict[str, Any]) -> str:
        received = Received(request["max_tokens"])
        received.take(completion)
        if received.answered:
            self._count(Usage(1, *(received.tokens or self._estimate(request, received))))
        received.check(self.model, self._failures)
        return received.text

    def _priced(self, used: Usage) -> Usage:
        if self._prices is None:
            return used
        price_in, price_out = self._prices
        return replace(used, cost=(used.tokens_in * price_in + used.tokens_out * price_out) / 1_000_000)

    @staticmethod
    def _estimate(request: dict[str, Any], received: Received) -> tuple[int, int]:
        asked = sum(count_tokens(message["content"]) + TOKENS_A_MESSAGE for message in request["messages"])
        written = received.thoughts + received.refusal + received.text
        return asked, count_tokens(written) if written else 0

    def _count(self, used: Usage) -> Usage:
        with self._lock:
            self._usage += used
        return self._priced(used)

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            # Without its cause: servers repeat the key in their answers, and a traceback would print it.
            raise self._failures.of(error, self._timeout) from None


def _checked_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        usable = None
    if not usable:
        raise SettingsError("OPENAI_BASE_URL is no web address; write it like http://127.0.0.1:8000/v1")
    return parts


def _checked_key(key: str | None) -> str | None:
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):  # it could not be sent, and the client's error would show it
        raise SettingsError("OPENAI_API_KEY holds a character that no key has; set it anew")
    return key or None


def _user(prompt: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.USER, content=prompt)


def _response(text: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text))
