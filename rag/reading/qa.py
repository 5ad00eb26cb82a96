"""The question-and-answer section of an article, in Chinese, English or German."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rag.language.sentences import ends_complete, sentences
from rag.language.text import HAN, identify, plain
from rag.types import Lang, QAPair, Span

_HEADING = re.compile(
    r"(?:[一二三四五六七八九十]+、|\d{1,2}[.、)]\s*)?"
    r"(?:(?:问与答|问答|问题[与和](?:答案|解答|回答)|常见问题)(?:环节|部分|解答)?|(?:frequently asked )?questions?"
    r"(?:\s*(?:&|and|/)\s*answers?)?(?:\s*\(q\s*&\s*a\))?|q\s*(?:&|and|/|\+)\s*a|faqs?|"
    r"(?:häufige |häufig gestellte )?fragen(?:\s*(?:&|und|/)\s*antworten)?)\s*[:：]?",
    re.IGNORECASE,
)
# The marks before a question or an answer: quotation, list, emphasis, heading, number. Possessive (*+): a line
# of nothing but marks must not be tried in all ways to divide it.
_MARKS = r"(?:[\s>*_#+•-]|\d{1,3}(?:[.)](?=[\s*])|、))*+"
_LABEL = r"(?:answer|antwort|a|答案|回答|答)\s{0,3}\d{0,3}[*_]{0,2}\s{0,3}[:：]"
_ANSWER = re.compile(rf"{_MARKS}{_LABEL}[\s*_]*+", re.IGNORECASE)
_QUESTION_PREFIX = re.compile(
    rf"{_MARKS}(?:(?:question|frage|q|问题|问)\s{{0,3}}\d{{0,3}}[*_]{{0,2}}\s{{0,3}}[:：.][\s*_]*+)?", re.IGNORECASE
)
_QUESTION_END = re.compile(r"[?？][\s*_\"”’」）)]*$")
# "**Who founded it?** Alexandr Wang.", "Q: Who founded it? A: Alexandr Wang."
_ANSWER_BESIDE = re.compile(rf"[?？](?:[*_]{{2}}\s{{0,3}}(?={_LABEL}|\S)|\s{{0,3}}(?={_LABEL}))", re.IGNORECASE)
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)、])\s*")
_BREAKS_OFF = re.compile(r"[,，、:：;；(（„“‘「-]$")
_LINE = re.compile(r"[^\n]+")
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


def asks(text: str) -> bool:
    """Whether a line of a text asks something, with or without its answer beside it."""
    return any(is_question(line) or _ANSWER_BESIDE.search(line) for line in text.split("\n"))


def is_answer(text: str) -> bool:
    """Whether a text begins with the label of an answer."""
    return bool(_ANSWER.match(text))


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
    lines = [line for line in _LINE.finditer(visible, start, end) if any(map(str.isalnum, line.group()))]
    opened: list[_Open] = []
    for line, following in zip(lines, [*(m.group() for m in lines[1:]), ""], strict=False):
        _read_line(line, following, opened, text)
    spans = ((_trim(text, *pair.question), pair.answer and _trim(text, *pair.answer)) for pair in opened)
    return [QAPair(q, a, _is_truncated(a.text)) for q, a in spans if a and a.text and q.text]


def _read_line(line: re.Match[str], following: str, opened: list[_Open], text: str) -> None:
    """Open a pair, or begin or lengthen the answer of the last one."""
    start, end = line.span()
    last = opened[-1] if opened else None
    if label := _ANSWER.match(line.group()):
        if last and last.answer is None:
            last.answer = (start + label.end(), end)
        return
    prefix = _QUESTION_PREFIX.match(line.group())
    begins = start + (prefix.end() if prefix else 0)
    if beside := _ANSWER_BESIDE.search(line.group()):
        label = _ANSWER.match(line.group(), beside.end())
        answer_start = start + (label.end() if label else beside.end())
        opened.append(_Open((begins, start + beside.start() + 1), (answer_start, end)))
    elif is_question(line.group()) or is_answer(following):
        opened.append(_Open((begins, end)))
    elif last and last.answer is None:
        last.answer = (start, end)
    elif last and last.answer and not text[last.answer[1] : start].strip():  # else something hidden is between
        last.answer = (last.answer[0], end)


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and (text[start].isspace() or text[start] in "*_"):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in "*_"):
        end -= 1
    return Span(start, end, text[start:end])


def _is_truncated(answer: str) -> bool:
    """Cut off in mid-sentence: no final mark, though it is no mere name, number or list."""
    if ends_complete(answer):
        return False
    last_line = answer.rsplit("\n", 1)[-1]
    said = last_line if _LIST_ITEM.match(last_line) else answer
    has_finished_sentence = len(sentences(said, identify(said)[0])) > 1
    han = len(_HAN.findall(said))
    # In Latin letters, three of which say about as much as a Chinese character.
    long = 3 * han + len(said) - han > 80
    left_open = said.count('"') % 2 or any(said.count(a) > said.count(b) for a, b in ("()", "（）", "「」", "《》"))
    return bool(has_finished_sentence or long or left_open or _BREAKS_OFF.search(said))


def complete_end(pair: QAPair, lang: Lang) -> int | None:
    """Where the last finished sentence of an answer ends in the article's text; None when none is finished."""
    if not pair.truncated:
        return pair.answer.end
    finished = [(a, b) for a, b in sentences(pair.answer.text, lang) if ends_complete(plain(pair.answer.text[a:b]))]
    return pair.answer.start + finished[-1][1] if finished else None
