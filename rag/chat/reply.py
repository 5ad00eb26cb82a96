"""A reply as it comes in: whole or in pieces, from servers that leave out what they like."""

from __future__ import annotations

from dataclasses import dataclass

from rag.chat.failures import Failures
from rag.errors import CutOffError, ReplyError

CHARS_A_TOKEN = 16  # more than any language fills: English has 5, German 4, Chinese 2
_ENDS = frozenset({"stop", "eos", "eos_token", "stop_sequence", "end_turn"})  # how servers call an end that is meant


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply and what it took. ``estimated``: the server did not count the tokens, so they are an upper bound.

    ``calls`` are the requests that were sent for it, tries that failed among them.
    """

    text: str
    finish: str
    tokens_in: int
    tokens_out: int
    calls: int
    seconds: float
    estimated: bool


class Received:
    """What has come of a reply so far. The client checks nothing: whatever a server leaves out is missing here."""

    def __init__(self, max_tokens: int) -> None:
        self.text = ""
        self.finish: str | None = None
        self.refusal = ""
        self.thoughts = ""  # which are not shown
        self.tokens: tuple[int, int] | None = None  # in and out, as the server counted
        self.answered = False  # there was a reply, be it an empty one
        self.seen = 0  # characters of all these
        self._max_tokens = max_tokens
        self._half = ""  # the first half of a character of two UTF-16 units

    def take(self, chunk: object) -> str:
        """The text in a piece of a stream, or in a whole completion.

        Raises:
            ReplyError: far more came than was asked for.
        """
        self.tokens = _tokens_of(chunk) or self.tokens
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices or self.finish:
            return ""
        self.answered = True
        said = getattr(choices[0], "delta", None) or getattr(choices[0], "message", None)
        content = _text(said, "content")
        refusal = _text(said, "refusal")
        self.refusal += refusal
        thoughts = _text(said, "reasoning_content") or _text(said, "reasoning")
        self.thoughts += thoughts
        self.seen += len(content) + len(refusal) + len(thoughts)
        piece = self._whole(content)
        self.text += piece
        if self.seen > self._max_tokens * CHARS_A_TOKEN:
            raise ReplyError(
                f"the model does not stop: more than {self._max_tokens * CHARS_A_TOKEN} characters came where at most "
                f"{self._max_tokens} tokens were asked for; choose another model or server",
                self.text[: self._max_tokens * CHARS_A_TOKEN],
            )
        finish = getattr(choices[0], "finish_reason", None)
        self.finish = finish if isinstance(finish, str) and finish else None
        return piece

    def check(self, model: str, failures: Failures) -> None:
        """Whether it is a reply that ended as the model meant it to.

        Raises:
            ReplyError: it was refused, cut off, or is empty.
            ChatModelError: there was none.
        """
        if not self.answered:
            raise failures.no_reply()
        if self.refusal or self.finish == "content_filter":
            raise ReplyError(failures.refusal(self.refusal), self.text, words=failures.shown(self.refusal))
        if self.finish is None:
            why = "its server ended before the reply did; ask again, or look into the server's log"
            raise ReplyError(f"{model} was cut off: {why}", self.text, by_server=True)
        if self.finish == "length":
            raise CutOffError(f"{model} was cut off: it did not finish within {self._max_tokens} tokens", self.text)
        if not self.text.strip():
            raise ReplyError(f"{model} replied nothing (finish reason: {self.finish})", self.text)
        if self.finish not in _ENDS:
            raise ReplyError(f"{model} was cut off (finish reason: {self.finish}); ask again", self.text)

    def _whole(self, piece: str) -> str:
        # Some servers cut between the halves of an emoji; a half alone cannot be encoded.
        text = self._half + piece
        self._half = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return encodable(text.removesuffix(self._half))


def encodable(text: str) -> str:
    """Text that can be sent: a lone surrogate becomes a stand-in."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(said: object, name: str) -> str:
    text = getattr(said, name, None)
    return text if isinstance(text, str) else ""


def _tokens_of(chunk: object) -> tuple[int, int] | None:
    usage = getattr(chunk, "usage", None)
    counted = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    numbers = [number for number in counted if isinstance(number, int) and number >= 0]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None
