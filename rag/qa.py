"""The question-and-answer section of an article, in Chinese, English or German."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.text import HAN, ends_complete, plain, sentences
from rag.types import Lang, QAPair, Span

_HEADING = re.compile(
    r"(?:(?:问与答|问答|问题与(?:答案|解答|回答)|常见问题)(?:环节|部分)?|(?:frequently asked )?questions?"
    r"(?:\s*(?:&|and|/)\s*answers?)?|q\s*(?:&|and|/|\+)\s*a|faqs?|(?:häufige )?fragen"
    r"(?:\s*(?:&|und|/)\s*antworten)?)\s*[:：]?",
    re.IGNORECASE,
)
_MARKS = r"[ \t>]*(?:\*\*|__)?[ \t]*(?:#{1,6}\s+)?(?:(?:[-*+•]|\d+[.)、])\s*)?(?:\*\*|__)?[ \t]*"
_ANSWER = re.compile(
    _MARKS + r"(?:answer|antwort|a|答案|回答|答)(?:\*\*|__)?\s*[:：]\s*(?:\*\*|__)?[ \t]*", re.IGNORECASE
)
_QUESTION_PREFIX = re.compile(
    _MARKS + r"(?:(?:question|frage|q|问题|问)\s*\d*\s*[:：.]\s*(?:\*\*)?\s*)?", re.IGNORECASE
)
_QUESTION_END = re.compile(r"[?？][\s*_\"”’」）)]*$")
_HAN = re.compile(f"[{HAN}]")


def is_qa_heading(text: str) -> bool:
    """Whether the plain text of a heading announces questions and answers.

    >>> [is_qa_heading(t) for t in ("问与答：", "Questions & Answers:", "Fragen und Antworten", "Questions remain")]
    [True, True, True, False]
    """
    return bool(_HEADING.fullmatch(text.strip(" *_#")))


def is_question(text: str) -> bool:
    """Whether a line asks something."""
    return bool(_QUESTION_END.search(text))


@dataclass(slots=True)
class _Open:
    """A pair under construction: offsets of the question and of the answer so far."""

    question: tuple[int, int]
    answer: tuple[int, int] | None = None


def parse_pairs(text: str, visible: str, start: int, end: int) -> list[QAPair]:
    """The pairs in a region of an article; a question without an answer is left out.

    >>> t = "- **Wer?** \\n   - Antwort: Ada Lovelace.\\n\\n问：多少？\\n答：十亿美元。这些公司利用数据训练其生成式人工"
    >>> [(p.question.text, p.answer.text, p.truncated) for p in parse_pairs(t, t, 0, len(t))]
    [('Wer?', 'Ada Lovelace.', False), ('多少？', '十亿美元。这些公司利用数据训练其生成式人工', True)]
    """
    lines = [m for m in re.finditer(r"[^\n]+", visible[:end]) if m.start() >= start and m.group().strip()]
    opened: list[_Open] = []
    for i, line in enumerate(lines):
        following = lines[i + 1].group() if i + 1 < len(lines) else ""
        if answer := _ANSWER.match(line.group()):
            if opened and opened[-1].answer is None:
                opened[-1].answer = (line.start() + answer.end(), line.end())
        elif is_question(line.group()) or _ANSWER.match(following):
            prefix = _QUESTION_PREFIX.match(line.group())
            opened.append(_Open((line.start() + (prefix.end() if prefix else 0), line.end())))
        elif opened:
            begun = opened[-1].answer
            opened[-1].answer = (begun[0] if begun else line.start(), line.end())
    spans = ((_trim(text, *pair.question), pair.answer and _trim(text, *pair.answer)) for pair in opened)
    return [QAPair(q, a, _is_truncated(a.text)) for q, a in spans if a and a.text and q.text]


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start] in " \t*_":
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in "*_"):
        end -= 1
    return Span(start, end, text[start:end])


def _is_truncated(answer: str) -> bool:
    """Cut off in mid-sentence: no final mark, though it is no mere name or number."""
    if ends_complete(answer):
        return False
    has_finished_sentence = any(ends_complete(line) for line in re.split(r"(?<=[.!?。！？])", answer[:-1]) if line)
    long = len(answer) > (25 if _HAN.search(answer) else 80)
    return has_finished_sentence or long


def complete_end(pair: QAPair, lang: Lang) -> int | None:
    """Where the last finished sentence of an answer ends in the article's text; None when none is finished."""
    if not pair.truncated:
        return pair.answer.end
    finished = [(a, b) for a, b in sentences(pair.answer.text, lang) if ends_complete(plain(pair.answer.text[a:b]))]
    return pair.answer.start + finished[-1][1] if finished else None
