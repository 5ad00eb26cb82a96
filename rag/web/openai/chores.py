"""The prompts that chat front ends send by themselves: for titles, tags, follow-ups and search queries.

They come to the same address as questions do, and are none: to look for an answer in the articles would be nonsense.
Known are those of Open WebUI (whatever its words, by its frame), LibreChat, NextChat and Chatbox. Each has a reply that
needs no language model, made of what the user said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from rag.conversation.followups import subjects
from rag.conversation.rewriting import Message
from rag.language.text import identify
from rag.web.prose import one_line, to_plain

Task = Literal["title", "tags", "follow_ups", "queries", "prompt", "text", "emoji"]  # mostly the key in the reply

TITLE_CHARS = 60
TAGS = 3
TAG_CHARS = 30
QUERY_CHARS = 200
LOOKED_AT = 1000  # characters of what somebody said
EMOJI = "💬"

# Open WebUI: a heading, guidelines, the key of the JSON that is wanted, and the conversation. Its words can be set by
# whoever runs it, and differ between versions.
_FRAME = re.compile(r"\s*#{1,4} *Task\b", re.IGNORECASE)
_OPEN, _CLOSE = "<chat_history>", "</chat_history>"
_KEY = re.compile(rf'"({"|".join(get_args(Task))})"\s*:')
# How the prompts of other front ends, and older ones, begin.
_OPENINGS: dict[str, Task] = {
    r"provide a concise, 5-word-or-less title for the conversation": "title",  # LibreChat
    r"analyze this conversation and provide:\s*1\. the detected language": "title",
    r"please generate a concise title \(max \d+ characters\) for a conversation": "title",
    r"write a concise title for this conversation in the given language": "title",
    r"create a concise, 3-5 word title": "title",  # Open WebUI, before it had its frame
    r"your task is to reflect the speaker's likely facial expression": "emoji",
    r"please generate a four to five word title summarizing our conversation": "title",  # NextChat
    r"bitte erstelle einen vier- bis fünfwörtigen titel": "title",
    r"使用四到五个字直接返回这句话的简要主题": "title",
    r"based on the chat history, give this conversation a name": "title",  # Chatbox
}
_OPENING = re.compile(r"\s*(?:" + "|".join(f"({opening})" for opening in _OPENINGS) + ")", re.IGNORECASE)
_SPEAKER = re.compile(r"^(?:\|\|>)?(user|human|assistant|ai|response|system) *[:：]", re.IGNORECASE | re.MULTILINE)
_FENCES = "`\"' \n\t"  # around what somebody said


@dataclass(frozen=True, slots=True)
class Chore:
    """What a front end wants, and what the user said in the conversation that it is about, oldest first."""

    task: Task
    said: tuple[str, ...]
    as_json: bool = True


def recognise(messages: Sequence[Message]) -> Chore | None:
    """The chore that a prompt asks for; None where it asks something else, as a person would.

    >>> prompt = "Provide a concise, 5-word-or-less title for the conversation.\\n\\nUser: Who?\\nAI: Me."
    >>> recognise([{"role": "user", "content": prompt}])
    Chore(task='title', said=('Who?',), as_json=False)
    >>> recognise([{"role": "user", "content": "What title does the article have?"}])
    """
    asks = [at for at, message in enumerate(messages) if message["role"] in ("user", "system", "developer")]
    for at in reversed(asks):
        chore = _chore(messages[at]["content"])
        if chore is not None:
            before = tuple(message["content"] for message in messages[:at] if message["role"] == "user")
            return Chore(chore.task, chore.said or before, chore.as_json)
        if messages[at]["role"] == "user" and _is_asked(messages, at):
            return None
    return None


def reply_to(chore: Chore) -> str:
    """A reply that holds nothing but what the user said: no model is asked, and nothing is made up.

    >>> reply_to(Chore("title", ("How much did Scale AI raise?", "And when?")))
    '{"title": "How much did Scale AI raise"}'
    >>> reply_to(Chore("tags", ("How much did Scale AI raise?",)))
    '{"tags": ["Scale AI"]}'
    >>> reply_to(Chore("follow_ups", ("How much did Scale AI raise?",)))
    '{"follow_ups": []}'
    """
    said = [line for text in chore.said if (line := one_line(to_plain(text[:LOOKED_AT])))]
    first, last = (said[0], said[-1]) if said else ("", "")
    replies: dict[Task, str | list[str]] = {
        "title": _headline(first),
        "tags": _tags(said),
        "follow_ups": [],  # which ones are answered only a search would tell
        "queries": [last[:QUERY_CHARS]] if last else [],
        "prompt": last[:QUERY_CHARS],
        "text": "",
        "emoji": EMOJI,
    }
    reply = replies[chore.task]
    return json.dumps({chore.task: reply}, ensure_ascii=False) if chore.as_json else str(reply)


def _chore(text: str) -> Chore | None:
    before, opened, rest = text.partition(_OPEN)
    conversation, closed, after = rest.rpartition(_CLOSE)
    if _FRAME.match(text) and opened and closed and (key := _KEY.search(before + after)):
        task: Task = next(name for name in get_args(Task) if name == key[1])
        return Chore(task, _said(conversation))
    if opening := _OPENING.match(text):
        assert opening.lastindex
        task = list(_OPENINGS.values())[opening.lastindex - 1]
        return Chore(task, _said(text[opening.end() :]), as_json=False)
    return None


def _is_asked(messages: Sequence[Message], at: int) -> bool:
    """Whether a message of the user is a question, rather than a remark to a prompt in the message before it."""
    return at == 0 or messages[at - 1]["role"] not in ("system", "developer")


def _said(conversation: str) -> tuple[str, ...]:
    """What the user says in a conversation that is written down."""
    _, *parts = _SPEAKER.split(conversation)
    turns = zip(parts[::2], parts[1::2], strict=True)
    users = (words.strip(_FENCES) for speaker, words in turns if speaker.casefold() in ("user", "human"))
    return tuple(words for words in users if words)


def _headline(question: str) -> str:
    """A question as a title: without the mark at its end, no longer than a title may be.

    >>> _headline("Wie viel Geld hat Scale AI in seiner letzten Finanzierungsrunde von Investoren bekommen?")
    'Wie viel Geld hat Scale AI in seiner letzten…'
    >>> _headline("这家公司筹集了多少钱？")
    '这家公司筹集了多少钱'
    """
    title = question.rstrip("?？!！.。 ")
    if len(title) <= TITLE_CHARS and _width(title) <= TITLE_CHARS:
        return title
    title = title[:TITLE_CHARS]
    while _width(title) >= TITLE_CHARS:
        title = title[:-1]
    words = title.rsplit(" ", 1)[0] if " " in title else title
    return f"{words}…"


def _width(text: str) -> int:
    """How wide a text is: Chinese characters are twice as wide as others."""
    return sum(1 + (ord(char) > 0x2E7F) for char in text)


def _tags(said: Sequence[str]) -> list[str]:
    found = (phrase for text in said for phrase in subjects(text[:QUERY_CHARS], identify(text)[0]))
    return [phrase for phrase in dict.fromkeys(found) if len(phrase) <= TAG_CHARS][:TAGS]
