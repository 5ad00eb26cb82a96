"""What leaves this process, and where it goes: nothing, unless a setting names a server."""

from __future__ import annotations

from urllib.parse import urlsplit

from rag.settings import Settings
from rag.types import Sent

OPENAI = "https://api.openai.com/v1"  # where the client asks when no address is set
_WHAT = {
    "chat": "questions, their conversation and the passages found for them",
    "judge": "sentences of answers and the passages that they cite",
    "embedding": "the texts of all articles and all questions",
    "index": "the texts of all articles",
    "database": "the texts of all articles, and the answers with their questions,",
}


def what_is_sent(settings: Settings) -> tuple[Sent, ...]:
    """All that the settings let out, and to which server."""
    server = address(settings.openai_base_url or OPENAI)
    sent = []
    if settings.chat_model:
        sent.append(Sent("chat", server, settings.chat_model))
        if settings.judge_model:
            sent.append(Sent("judge", server, settings.judge_model))
    if settings.embed_model.startswith("openai:"):
        sent.append(Sent("embedding", server, settings.embed_model.removeprefix("openai:")))
    if settings.database_url:
        sent.append(Sent("database", address(settings.database_url.get_secret_value())))
    if settings.chroma_url:
        sent.append(Sent("index", address(settings.chroma_url)))
    return tuple(sent)


def describe(sent: Sent) -> str:
    """A line for a log.

    >>> describe(Sent("chat", "https://api.example.com", "small"))
    'questions, their conversation and the passages found for them are sent to https://api.example.com (small)'
    """
    return f"{_WHAT[sent.what]} are sent to {sent.to}{f' ({sent.model})' if sent.model else ''}"


def address(url: str) -> str:
    """Scheme, host and port of a server, and nothing that may be secret.

    >>> address("https://user:key@models.example.com:8443/v1?token=x")
    'https://models.example.com:8443'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
