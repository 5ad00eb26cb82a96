"""What went wrong with a server of language models, in words that say what to do and hold nothing secret."""

from __future__ import annotations

import email.utils
import math
import time
from urllib.parse import urlsplit

import httpx2  # the client's own transport: the cause of a failed connection is one of its errors
import openai

from rag.errors import ChatModelError, ChatModelSetupError

UNREADABLE = (openai.OpenAIError, ValueError, RecursionError)  # the client's errors, and those of what is no JSON
SHOWN = 200  # characters of a server's own words in an error
_REMEDIES = {
    401: "set OPENAI_API_KEY to a key that it takes",
    403: "set OPENAI_API_KEY to a key that may use this model",
    404: "name a model that it serves, and see whether OPENAI_BASE_URL should end in /v1",
    429: "wait, or look at the quota of the key",
}
_SETUP = frozenset({401, 403, 404})
_PASSING = frozenset({408, 429})  # and everything from 500: another try may do better
_COMPATIBLE = "see whether OPENAI_BASE_URL is an OpenAI-compatible server"
_LATER = "try again later, or look into its log"


class Failures:
    """The errors of one model at one server. ``secrets`` are replaced in whatever is shown."""

    def __init__(self, model: str, url: str, secrets: tuple[str, ...]) -> None:
        self._model = model
        self._url = public_url(url)
        self._secrets = secrets

    def of(self, error: Exception, timeout: float) -> ChatModelError:
        """The error for one of the client's. ``timeout`` is what it was given, in seconds."""
        if isinstance(error, openai.APITimeoutError):
            return self.timeout("answer", timeout)
        if isinstance(error, openai.APIConnectionError):
            return self._connection(error)
        if isinstance(error, openai.APIStatusError):
            return self._status(error)
        if isinstance(error, openai.APIError):  # an error in place of a piece of a stream
            words = self.shown(error.message)
            why = f"{self._url} failed to run {self._model}: {words}; {_LATER}"
            return ChatModelError(why, by_server=True, words=words)
        words = self.shown(error)
        what = f"{self._url} answered with something that is no reply: {words}; {_COMPATIBLE}"
        return ChatModelError(what, by_server=True, words=words)

    def timeout(self, what: str, seconds: float) -> ChatModelError:
        """The server did not do something ("answer") in time."""
        why = f"{self._url} did not {what} within {seconds:g} seconds; see whether it is overloaded"
        return ChatModelError(why, by_server=True)

    def no_reply(self) -> ChatModelError:
        """The server said something, and nothing of it was a reply."""
        return ChatModelError(f"{self._url} answered without a reply; {_COMPATIBLE}", by_server=True)

    def refusal(self, words: str) -> str:
        """What a model says that refuses."""
        said = f": {self.shown(words)}" if words else ""
        return f"{self._model} refused to reply{said}; ask in other words, or choose another model"

    def _connection(self, error: openai.APIConnectionError) -> ChatModelError:
        why = self.shown(error.__cause__ or error)
        if isinstance(error.__cause__, httpx2.ConnectError):
            return ChatModelSetupError(
                f"{self._url} cannot be reached: {why}; start the server, or set OPENAI_BASE_URL to its address",
                by_server=True,
            )
        return ChatModelError(f"{self._url} broke off the connection: {why}; {_LATER}", by_server=True)

    def _status(self, error: openai.APIStatusError) -> ChatModelError:
        status = error.status_code
        remedy = _REMEDIES.get(status, _LATER if status >= 500 else "")
        wait = retry_after(error) or 0
        asks = f"it asks to wait {wait:.0f} seconds" if wait >= 1 else ""
        kind = ChatModelSetupError if status in _SETUP else ChatModelError
        what = f"{self._url} {'failed' if status >= 500 else 'refused'} to run {self._model} ({status})"
        words = self.shown(_words_of(error))
        return kind("; ".join(filter(None, (f"{what}: {words}", asks, remedy))), by_server=passes(error), words=words)

    def shown(self, words: object) -> str:
        """Somebody else's words as a message may have them."""
        text = " ".join(str(words).split())
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text[:SHOWN]


def passes(error: Exception) -> bool:
    """Whether a failure may be over at the next try, so soon that a person can wait for it.

    A refused connection is not: it fails at once, and a server takes longer to start than anybody waits.
    """
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _PASSING or error.status_code >= 500
    broken = isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError)
    return broken and not isinstance(error.__cause__, httpx2.ConnectError)


def retry_after(error: Exception) -> float | None:
    """The seconds that a server asks to wait; None where it does not say."""
    if not isinstance(error, openai.APIStatusError):
        return None
    headers = error.response.headers
    for name, parts in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / parts
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else None


def public_url(url: str) -> str:
    """An address without what may be secret in it: user, password, query.

    >>> public_url("https://me:secret@llm.example:8000/v1?key=secret")
    'https://llm.example:8000/v1'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _words_of(error: openai.APIStatusError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    return str(said or error.message)
