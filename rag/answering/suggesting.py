"""What to ask next: questions that the articles of an answer offer to answer, each tried before it is suggested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from rag.language.text import content_tokens
from rag.types import Answer, Lang, OfferedQuestion, Passage

MOST_TRIED = 12  # questions for one answer, since each takes as long as any other
# Share of the longer question's words that stand in the other. Among the sample articles' own questions, which all ask
# different things, the most alike share .67; of five that were put in other words by hand four share .82 or more.
SAME_QUESTION = 0.7


def suggestions(
    answer: Answer,
    nearest: Sequence[Passage],
    *,
    offered: Callable[[str], Sequence[OfferedQuestion]],
    ask: Callable[[str], Answer],
    asked: Sequence[str],
    count: int,
) -> list[str]:
    """Up to ``count`` questions in the language of the answer's, those of the article that it cites first in front.

    ``offered`` are the questions of an article by its id, ``ask`` is how one of them would be answered if it were
    asked now. What asks the same as the answer's question, one of ``asked`` or another suggestion is left out, and so
    is what the answer has told already. The articles of ``nearest`` offer after those that are cited.
    """
    lang = answer.question_lang
    known = [answer.question, answer.standalone_question or "", *asked]
    articles = dict.fromkeys([*(one.article_id for one in answer.citations), *(one.article_id for one in nearest)])
    found: list[str] = []
    tried = 0
    for article_id, question in _offers(articles, offered, lang):
        if len(found) == count or tried == MOST_TRIED:
            break
        if any(_asks_the_same(question, other, lang) for other in (*known, *found)):
            continue
        tried += 1
        if _adds(ask(question), answer, article_id):
            found.append(question)
    return found


def _offers(
    articles: Iterable[str], offered: Callable[[str], Sequence[OfferedQuestion]], lang: Lang
) -> Iterator[tuple[str, str]]:
    for article_id in articles:
        for question in offered(article_id):
            if question.lang == lang:
                yield article_id, question.text


def _adds(reply: Answer, answer: Answer, article_id: str) -> bool:
    """Whether a reply is one, from the article that offered the question, and says what the answer did not."""
    if not reply.answered or reply.question_lang != answer.question_lang:
        return False
    first = reply.citations[0]
    told = any(
        one.passage_id == first.passage_id and (one.kind == "qa" or one.quote == first.quote)
        for one in answer.citations
    )
    return first.article_id == article_id and not told


def _asks_the_same(one: str, other: str, lang: Lang) -> bool:
    """Whether two questions differ in few words.

    >>> _asks_the_same("Wie lang ist der Tunnel?", "Welche Länge hat der Tunnel?", "de")
    True
    >>> _asks_the_same("What is the AI Act?", "When does the AI Act enter into force?", "en")
    False
    """
    words, others = (frozenset(content_tokens(text, lang)) for text in (one, other))
    if not words or not others:
        return one.casefold() == other.casefold()
    return len(words & others) / max(len(words), len(others)) >= SAME_QUESTION
