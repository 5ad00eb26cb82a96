"""A language model behind an OpenAI-compatible server, as LlamaIndex knows language models."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

from rag.errors import ChatModelError, ChatModelSetupError, ReplyError, SettingsError
from rag.types import Usage

OPENAI = "https://api.openai.com/v1"  # written out, so that the client does not look for an address by itself
SHOWN = 200  # characters of a server's own words in an error
_REMEDIES = {
    401: "set OPENAI_API_KEY to a key that it takes",
    403: "set OPENAI_API_KEY to a key that may use this model",
    404: "name a model that it serves, and see whether OPENAI_BASE_URL should end in /v1",
    429: "wait, or look at the quota of the key",
}
_SETUP = frozenset({401, 403, 404})


class ChatModel(CustomLLM):
    """A chat model of an OpenAI-compatible server; LlamaIndex's own integration excludes openai 3.

    Every call raises ``ChatModelSetupError`` when no call could do better (refused connection, wrong key or model),
    ``ReplyError`` when the reply is cut off or empty, and ``ChatModelError`` when the server fails otherwise.
    """

    model: str
    temperature: float
    max_tokens: int  # of a reply
    context_window: int  # tokens of question and reply together

    _client: openai.OpenAI = PrivateAttr()
    _async_client: openai.AsyncOpenAI = PrivateAttr()
    _url: str = PrivateAttr()
    _secrets: tuple[str, ...] = PrivateAttr()
    _timeout: float = PrivateAttr()
    _usage: Usage = PrivateAttr()
    _lock: threading.Lock = PrivateAttr()

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None,
        api_key: str | None,
        temperature: float = 0.0,
        timeout: float = 60.0,  # seconds, of one try
        max_retries: int = 2,  # after a failed connection, 429 and 5xx
        max_tokens: int = 1024,
        context_window: int = 8192,
    ) -> None:
        if not (base_url or api_key):
            raise SettingsError(f"the model {model} needs OPENAI_BASE_URL of a server, or OPENAI_API_KEY")
        super().__init__(model=model, temperature=temperature, max_tokens=max_tokens, context_window=context_window)
        parts = _checked_url(base_url or OPENAI)
        key = _checked_key(api_key)
        self._url = public_url(base_url or OPENAI)
        self._secrets = tuple(filter(None, (key, parts.password, parts.query)))
        self._timeout = timeout
        self._usage = Usage()
        self._lock = threading.Lock()
        server: dict[str, Any] = {
            "base_url": base_url or OPENAI,
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
        """What was used so far, by all threads."""
        with self._lock:
            return self._usage

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

    def _reply(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> str:
        with self._own_errors():
            completion = self._client.chat.completions.create(**self._request(messages, options))
        return self._read(completion)

    async def _areply(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> str:
        with self._own_errors():
            completion = await self._async_client.chat.completions.create(**self._request(messages, options))
        return self._read(completion)

    def _request(self, messages: Sequence[ChatMessage], options: dict[str, Any]) -> dict[str, Any]:
        said = [{"role": message.role.value, "content": _encodable(message.content or "")} for message in messages]
        return {
            "model": self.model,
            "messages": said,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            **options,
        }

    def _read(self, completion: object) -> str:
        # The client checks nothing: what a server leaves out is missing here, and a page of HTML is a string.
        choices = getattr(completion, "choices", None)
        if not choices:
            raise ChatModelError(
                f"{self._url} answered without a reply; see whether OPENAI_BASE_URL is an OpenAI-compatible server"
            )
        self._count(getattr(completion, "usage", None))
        content = getattr(getattr(choices[0], "message", None), "content", None)
        text = content if isinstance(content, str) else ""
        reason = getattr(choices[0], "finish_reason", None)
        if reason == "length":
            raise ReplyError(f"{self.model} was cut off: it did not finish within {self.max_tokens} tokens", text)
        if not text.strip():
            raise ReplyError(f"{self.model} replied nothing (finish reason: {reason})")
        return text

    def _count(self, usage: object) -> None:
        tokens_in, tokens_out = (getattr(usage, name, None) or 0 for name in ("prompt_tokens", "completion_tokens"))
        with self._lock:
            self._usage = self._usage.plus(tokens_in, tokens_out)

    # --- Errors --------------------------------------------------------------------------------------------

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except (openai.OpenAIError, ValueError) as error:  # a ValueError: a reply that is no JSON
            # Without its cause: servers repeat the key in their answers, and a traceback would print it.
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> ChatModelError:
        if isinstance(error, openai.APITimeoutError):
            return ChatModelError(
                f"{self._url} did not answer within {self._timeout:g} seconds; see whether it is overloaded"
            )
        if isinstance(error, openai.APIConnectionError):
            return ChatModelSetupError(
                f"{self._url} cannot be reached: {self._shown(error.__cause__ or error)}; "
                "start the server, or set OPENAI_BASE_URL to its address"
            )
        if isinstance(error, openai.APIStatusError):
            status = error.status_code
            remedy = _REMEDIES.get(status, "try again later, or look into its log" if status >= 500 else "")
            kind = ChatModelSetupError if status in _SETUP else ChatModelError
            what = f"{self._url} {'failed' if status >= 500 else 'refused'} to run {self.model} ({status})"
            return kind("; ".join(filter(None, (f"{what}: {self._shown(_words_of(error))}", remedy))))
        return ChatModelError(
            f"{self._url} answered with something that is no reply: {self._shown(error)}; "
            "see whether OPENAI_BASE_URL is an OpenAI-compatible server"
        )

    def _shown(self, words: object) -> str:
        text = " ".join(str(words).split())
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:SHOWN]


def public_url(url: str) -> str:
    """An address without what may be secret in it: user, password, query.

    >>> public_url("https://me:secret@llm.example:8000/v1?key=secret")
    'https://llm.example:8000/v1'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


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


def _words_of(error: openai.APIStatusError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return str(said or error.message)


def _user(prompt: str) -> ChatMessage:
    return ChatMessage(role=MessageRole.USER, content=prompt)


def _response(text: str) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=text))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent
