"""The questions of a run: what is asked, and what a right answer must show.

Two sources: the articles' own question-and-answer sections, and files with one JSON object a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rag.errors import ArticleError, RagError
from rag.ingesting.folders import find_files
from rag.reading.articles import read_articles as read_file
from rag.types import LANGS, Article, Lang

OWN_QA = "own_qa"
UNANSWERABLE = Path(__file__).parent / "data" / "unanswerable.jsonl"


class DatasetError(RagError):
    """Questions cannot be used. The message names the file, the line and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question with what a right answer must show.

    A result is right when its article's link is in ``source_links`` or ``also_links``, or its id in
    ``article_ids`` (for articles that have no link). ``truncated`` marks a gold answer that breaks off.
    """

    id: str
    question: str
    question_lang: Lang
    answers: tuple[str, ...] = ()  # any one of them is right
    source_links: tuple[str, ...] = ()
    gold_text: str | None = None
    answerable: bool = True
    kind: str = ""
    truncated: bool = False
    article_ids: tuple[str, ...] = ()
    also_links: tuple[str, ...] = ()
    reviewed: bool = True  # a draft that no person has looked at yet is not asked

    @property
    def gold_total(self) -> int:
        """How many articles are to be found. An article's own case names its article twice, by link and by id."""
        return len(self.source_links) or len(self.article_ids)

    @property
    def has_gold_article(self) -> bool:
        """Whether it is known which article answers; without that, nothing found is right or wrong."""
        return bool(self.source_links or self.also_links or self.article_ids)

    def is_gold(self, article_id: str, url: str | None) -> bool:
        """Whether this article answers the question.

        >>> case = Case("1", "Who?", "en", source_links=("https://a.example/1",), article_ids=("seven",))
        >>> case.is_gold("two", "https://a.example/1"), case.is_gold("seven", None), case.is_gold("two", None)
        (True, True, False)
        """
        return article_id in self.article_ids or url in (*self.source_links, *self.also_links)

    def gold_key(self, article_id: str, url: str | None) -> str | None:
        """Which of the articles to be found this is; None for others, those of ``also_links`` among them.

        >>> case = Case("1", "Who?", "en", source_links=("https://a.example/1",), article_ids=("seven",))
        >>> case.gold_key("two", "https://a.example/1"), case.gold_key("seven", None), case.gold_key("two", None)
        ('https://a.example/1', 'https://a.example/1', None)
        """
        if url in self.source_links:
            return url
        if article_id not in self.article_ids:
            return None
        return self.source_links[0] if self.source_links else article_id


def read_articles(folder: Path) -> tuple[list[Article], list[str]]:
    """The articles of a folder, and a line for each file that is none.

    Raises:
        DatasetError: there is no article.
    """
    articles, problems = [], []
    for file in find_files(folder):
        try:
            for one in read_file(file, folder):
                if isinstance(one, Article):
                    articles.append(one)
                else:
                    problems.append(f"{file}: left out: {one}")
        except ArticleError as error:
            problems.append(f"{file}: left out: {error}")
    if not articles:
        raise DatasetError(f"{folder}: holds no article to ask about")
    return articles, problems


def choose_cases(
    articles: Sequence[Article], questions: Sequence[Path], problems: list[str], limit: int | None = None
) -> list[Case]:
    """The cases of these files; without any, the articles' own, and some that no article answers.

    What is odd about them is added to ``problems``, a line each.

    Raises:
        DatasetError: a file or line is no good, an id is there twice, or there is nothing to ask.
    """
    own = [] if questions else own_cases(articles)
    if not questions and not own:
        raise DatasetError("the articles have no questions and answers of their own; give --questions FILE")
    cases = [case for file in questions for case in load_questions(file)] or [*own, *unanswerable_cases()]
    check_ids(cases)
    cases = reviewed_cases(cases, problems)
    problems += unknown_sources(cases, articles)
    return sample(cases, limit) if limit else cases


def reviewed_cases(cases: Sequence[Case], problems: list[str]) -> list[Case]:
    """The cases that may be asked; a line is added to ``problems`` when drafts are left out.

    Raises:
        DatasetError: all of them are drafts.
    """
    kept = [case for case in cases if case.reviewed]
    drafts = len(cases) - len(kept)
    if drafts:
        hint = "`python -m eval cases review FILE` shows them to you"
        if not kept:
            raise DatasetError(f"none of the {drafts} questions was reviewed and kept by a person yet; {hint}")
        problems.append(f"questions left out because no person has reviewed and kept them: {drafts}; {hint}")
    return kept


def gold_langs(articles: Iterable[Article]) -> dict[str, str]:
    """The language of each article by its link and by its id; several are joined: ``zh+en``."""
    langs: dict[str, str] = {}
    for article in articles:
        for key in (article.id, article.url):
            if key:
                langs.setdefault(key, "+".join(article.langs))
    return langs


def unknown_sources(cases: Iterable[Case], articles: Iterable[Article]) -> list[str]:
    """A line when answerable cases name links of which no article has any: they can only come out wrong."""
    links = {article.url for article in articles}
    lost = [case.id for case in cases if case.answerable and case.source_links and not links & {*case.source_links}]
    if not lost:
        return []
    return [f"questions with a source that no article here has: {len(lost)}, the first is {lost[0]}"]


def own_cases(articles: Iterable[Article]) -> list[Case]:
    """The articles' own question-and-answer pairs, each asked in the language of its section.

    A case is named after its file and its place in it, so that it has the same id on every machine. Its gold
    article is the one it stands in; when another tells the same story, that one counts as wrong all the same.
    """
    return [case for article in articles for case in _cases_of(article)]


def _cases_of(article: Article) -> Iterable[Case]:
    pairs = ((section.lang, pair) for section in article.sections for pair in section.qa)
    for number, (lang, pair) in enumerate(pairs, start=1):
        answer = pair.answer.text.strip()
        yield Case(
            id=f"{article.file}#{number}",
            question=pair.question.text.strip(),
            question_lang=lang,
            answers=(answer,) if answer else (),
            source_links=(article.url,) if article.url else (),
            kind=OWN_QA,
            truncated=pair.truncated,
            article_ids=(article.id,),
        )


def load_questions(path: Path) -> list[Case]:
    """The cases of a questions file, in its order; keys that this evaluation does not know are left aside.

    Raises:
        DatasetError: the file cannot be read, or a line is no case; names the file and the line.
    """
    try:
        # Not splitlines(): a JSON text may hold U+2028 and its like as they are.
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    cases = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                cases.append(parse_case(json.loads(line)))
            except ValueError as error:  # JSONDecodeError is one
                raise DatasetError(f"{path}:{number}: {error}") from error
    if not cases:
        raise DatasetError(f"{path}: holds no question")
    return cases


def parse_case(value: object) -> Case:
    """One JSON object as a case.

    >>> parse_case({"id": "1", "question": "Wer?", "question_lang": "de", "answers": ["Wang"]}).answers
    ('Wang',)
    >>> parse_case({"id": "1", "question": "Qui ?", "question_lang": "fr"})
    Traceback (most recent call last):
    ValueError: "question_lang" must be one of zh, en, de, not "fr"
    """
    if not isinstance(value, Mapping):
        raise ValueError("must be a JSON object")
    lang = _text(value, "question_lang")
    if lang not in LANGS:
        raise ValueError(f'"question_lang" must be one of {", ".join(LANGS)}, not "{lang}"')
    gold_text = value.get("gold_text")
    if gold_text is not None and not isinstance(gold_text, str):
        raise ValueError('"gold_text" must be text or null')
    return Case(
        id=_text(value, "id"),
        question=_text(value, "question"),
        question_lang=lang,
        answers=_texts(value, "answers"),
        source_links=_texts(value, "source_links"),
        gold_text=gold_text,
        answerable=_flag(value, "answerable", default=True),
        kind=_text(value, "kind") if value.get("kind") else "",
        truncated=_flag(value, "truncated", default=False),
        article_ids=_texts(value, "article_ids"),
        also_links=_texts(value, "also_links"),
        reviewed=_flag(value, "reviewed", default=True),
    )


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if not isinstance(found, str) or not found.strip():
        raise ValueError(f'"{key}" must be text that is not empty')
    return found


def _texts(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = [] if value.get(key) is None else value[key]
    if not isinstance(found, list) or not all(isinstance(item, str) and item.strip() for item in found):
        raise ValueError(f'"{key}" must be a list of texts that are not empty')
    return tuple(found)


def _flag(value: Mapping[str, Any], key: str, *, default: bool) -> bool:
    found = value.get(key, default)
    if not isinstance(found, bool):
        raise ValueError(f'"{key}" must be true or false')
    return found


def unanswerable_cases() -> list[Case]:
    """Questions that no folder of articles answers: here and now, one's own affairs, tomorrow."""
    return load_questions(UNANSWERABLE)


def check_ids(cases: Iterable[Case]) -> None:
    """Refuse two cases of one id: runs are compared by it.

    Raises:
        DatasetError: names the id.
    """
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise DatasetError(f'two questions of this run have the id "{case.id}"; give one another id')
        seen.add(case.id)


def sample(cases: list[Case], limit: int) -> list[Case]:
    """At most ``limit`` cases, in their order. The choice hangs on the ids alone: the same in every run.

    The first cases of a file would all be of one language or subject.
    """
    chosen = {case.id for case in sorted(cases, key=lambda case: _digest(case.id))[:limit]}
    return [case for case in cases if case.id in chosen]


def cases_checksum(cases: Iterable[Case]) -> str:
    """Names a set of cases: the same for the same questions and golds in any order.

    >>> one, two = Case("1", "Who?", "en"), Case("2", "Wer?", "de")
    >>> cases_checksum([one, two]) == cases_checksum([two, one]) != cases_checksum([one])
    True
    """
    # Article ids belong to an index, not to the question, and may differ from one to the next.
    values = [{**asdict(case), "article_ids": ()} for case in sorted(cases, key=lambda case: case.id)]
    return _digest(json.dumps(values, ensure_ascii=False, sort_keys=True))


def articles_checksum(articles: Iterable[Article]) -> str:
    """Names a set of articles: file names and texts, in any order."""
    return _digest(json.dumps(sorted((article.file, _digest(article.text)) for article in articles)))


def _digest(text: str) -> str:
    # A lone surrogate, which JSON can carry, must not stop a run.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
