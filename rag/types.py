"""The values that flow through the product. Frozen; every other module speaks in these words.

Offsets are characters (Unicode code points) into ``Article.text``, end exclusive. Languages are the ISO 639-1
codes ``zh``, ``en``, ``de``. Scores are absolute and higher is better, everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Lang = Literal["zh", "en", "de"]
LANGS: tuple[Lang, ...] = ("zh", "en", "de")

Kind = Literal["body", "qa"]
AnswererName = Literal["extractive", "llm"]
Role = Literal["user", "assistant"]
NoteReason = Literal["model_failed", "cut_off", "nothing_proven"]
RefusalReason = Literal["empty_index", "no_evidence", "unsupported", "question_empty"]


# --- What an article is ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of an article's text: ``text == article.text[start:end]``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class QAPair:
    """One question of an article's Q&A section and its answer, both verbatim.

    ``truncated`` marks an answer that was cut off in mid-sentence. It is kept, so that an evaluation can score
    what is there, and never shown as if it were complete.
    """

    question: Span
    answer: Span
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph or list of the body, under its nearest heading (None before the first)."""

    span: Span
    heading: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A language part of an article: its body and the Q&A taken off it."""

    lang: Lang
    headings: tuple[Span, ...]
    blocks: tuple[Block, ...]
    qa: tuple[QAPair, ...]


WarningCode = Literal["encoding", "front_matter_lines", "front_matter_open"]
_WARNINGS: dict[WarningCode, str] = {
    "encoding": "not UTF-8, read as {value}",
    "front_matter_lines": "front matter is not valid YAML, read line by line",
    "front_matter_open": "front matter has no end marker, read as text",
}


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """What had to be guessed when a file was read: a code that stays, with its value; as a string, in English.

    >>> str(ParseWarning("encoding", "gb18030"))
    'not UTF-8, read as gb18030'
    """

    code: WarningCode
    value: str = ""  # the encoding

    def __str__(self) -> str:
        return _WARNINGS[self.code].format(value=self.value)


@dataclass(frozen=True, slots=True)
class Article:
    """One article, parsed. ``text`` is what its file says, with ``\\n`` line ends; offsets point into it.

    Of Markdown and plain text that is the whole file, of other formats the text that was taken out of it. ``part`` is a
    key within a file that holds several articles, and stays when others are added; "" where the file is the article.
    """

    id: str
    file: str
    title: str
    text: str
    sections: tuple[Section, ...]
    url: str | None = None
    author: str | None = None
    date: str | None = None  # ISO 8601 calendar date, e.g. 2024-05-21
    description: str | None = None
    tags: tuple[str, ...] = ()
    warnings: tuple[ParseWarning, ...] = ()
    part: str = ""

    @property
    def langs(self) -> tuple[Lang, ...]:
        """The languages of its sections, in order of appearance, each once."""
        return tuple(dict.fromkeys(section.lang for section in self.sections))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What of a file that holds several articles is none, and why; the others of the file are read."""

    part: str  # its key as an article's, or its place, such as "line 3"
    reason: str

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}"


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """What a list of articles shows."""

    id: str
    file: str
    title: str
    url: str | None
    author: str | None
    date: str | None
    description: str | None
    tags: tuple[str, ...]
    langs: tuple[Lang, ...]
    passages: int  # body and qa
    qa_pairs: int
    characters: int
    story: int | None = None  # a number that articles share which tell the same in nearly the same words
    same_as: tuple[str, ...] = ()  # the ids of others of its story, 50 at most


# --- What a question is ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles may be used. An empty field does not restrict; dates are ISO and inclusive."""

    lang: tuple[Lang, ...] = ()
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    date_from: str | None = None
    date_to: str | None = None
    article_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of a conversation."""

    role: Role
    content: str


# --- What is found -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of an article with what is needed to cite it: ``text == article.text[start:end]``."""

    passage_id: str
    article_id: str
    title: str
    url: str | None
    author: str | None
    date: str | None
    lang: Lang
    heading: str | None
    kind: Kind
    text: str
    start: int
    end: int
    file: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class OfferedQuestion:
    """A question that an article's own Q&A section answers, as plain text."""

    text: str
    lang: Lang


@dataclass(frozen=True, slots=True)
class ArticleView:
    """One article to be read: its text, the passages that were made of it in order, and what it offers to answer."""

    summary: ArticleSummary
    text: str
    passages: tuple[Passage, ...]
    questions: tuple[OfferedQuestion, ...]


# --- What is said ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """A citation that an answerer claims: a passage and, when it quotes, the exact span in the article."""

    passage_id: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that an answerer wants to say. Unproven until ``citations.verify`` has granted it."""

    text: str
    claimed: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked of language models: calls, replies cut off or empty among them, and tokens in and out.

    ``cost`` is in the currency of the prices that were set; None where none was.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """Both together.

        >>> Usage(1, 10, 5) + Usage(1, 3, 2, 0.25)
        Usage(calls=2, tokens_in=13, tokens_out=7, cost=0.25)
        """
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            sum(costs) if costs else None,
        )


@dataclass(slots=True)
class Bill:
    """What language models took for one answer, added up as they are asked. None: none was asked."""

    usage: Usage | None = None

    def add(self, usage: Usage) -> None:
        """One more call."""
        self.usage = usage if self.usage is None else self.usage + usage


@dataclass(slots=True)
class Telling:
    """What is known of a draft once its claims were taken."""

    found_nothing: bool = False  # the model said that the passages do not answer


@dataclass(frozen=True, slots=True)
class Draft:
    """All an answerer has to say. ``confidence`` is 0 to 1, higher means more surely answerable.

    ``claims`` may come one by one, as a model writes them; they can be taken once. ``evidence`` are the
    passages that seem to answer the question; the first sentence of an answer must rest on one. None: any will do.
    """

    claims: Iterable[Claim]
    confidence: float
    answerer: AnswererName = "extractive"
    model: str | None = None
    telling: Telling = field(default_factory=Telling)
    evidence: frozenset[str] | None = None  # ids of passages


@dataclass(frozen=True, slots=True)
class Sentence:
    """A claim that passed verification, with the numbers of its citations and its support (0 to 1)."""

    text: str
    citations: tuple[int, ...]
    support: float


@dataclass(frozen=True, slots=True)
class Also:
    """Where the words of a citation stand in another article too: ``quote == its text[start:end]``."""

    passage_id: str
    article_id: str
    title: str
    url: str | None
    author: str | None
    date: str | None
    quote: str
    start: int
    end: int
    file: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A cited passage and the exact words it rests on: ``quote == article.text[start:end]``."""

    number: int
    passage_id: str
    article_id: str
    title: str
    url: str | None
    author: str | None
    date: str | None
    lang: Lang
    heading: str | None
    kind: Kind
    quote: str
    start: int
    end: int
    file: str
    passage: str  # the whole passage around the quote, for showing the quote in its context
    passage_start: int
    also: tuple[Also, ...] = ()  # other articles that say it word for word


@dataclass(frozen=True, slots=True)
class Dropped:
    """A claim that verification did not grant, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Citations that give different values for the same thing."""

    about: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing is said. The message is in the question's language."""

    reason: RefusalReason
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The one answer that page, API and evaluation show. Either sentences with citations, or a refusal."""

    id: str
    question: str
    question_lang: Lang
    answered: bool
    answer: str
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    refusal: Refusal | None = None
    dropped: tuple[Dropped, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    confidence: float = 0.0
    answerer: AnswererName = "extractive"
    model: str | None = None
    standalone_question: str | None = None
    note: str | None = None  # what the reader should know of how it came about, in the question's language
    timings_ms: dict[str, float] = field(default_factory=dict)
    usage: Usage | None = None  # None: no language model was asked
    passages: tuple[Passage, ...] = ()  # everything retrieved, best first

    def to_dict(self, *, include_passages: bool = False) -> dict[str, Any]:
        """The answer as JSON values, in the shape of the HTTP API."""
        value = asdict(self)
        if not include_passages:
            del value["passages"]
        return value


@dataclass(frozen=True, slots=True)
class Written:
    """What a language model replied to a prompt that is no question to the articles: nothing of it is proven."""

    text: str
    model: str
    cut_off: bool = False  # it reached its limit of tokens
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The first of an answer that is told as it comes: the passages that it may rest on, best first."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that was proven just now, and all citations so far."""

    sentence: Sentence
    citations: tuple[Citation, ...]


Update = Found | Said | Answer  # the last is the answer, in which nothing that was said is taken back


@dataclass(frozen=True, slots=True)
class Sent:
    """What leaves the product, and to which server.

    ``chat``: questions, the conversation and the passages that were found; ``judge``: sentences of answers and the
    passages that they cite; ``embedding``: all texts and questions; ``index``: all texts; ``database``: all texts, and
    the answers with their questions.
    """

    what: Literal["chat", "judge", "embedding", "index", "database"]
    to: str  # scheme, host and port
    model: str | None = None


@dataclass(frozen=True, slots=True)
class LastIngest:
    """When the last ingest ended (seconds since 1970), how many seconds it took, and how many files failed."""

    finished: float
    seconds: float
    failed: int


@dataclass(frozen=True, slots=True)
class Health:
    """Whether questions can be answered, and from what. ``status`` is ok, or a reason why not."""

    status: str
    articles: int
    passages: int
    embed_model: str
    answerer: AnswererName
    model: str | None
    dense: Literal["chroma", "exact"]  # exact: the codes of all vectors, while Chroma is not ready
    refined: int | None  # passages that the second, finer encoder has read; None where it is not in use
    version: str
    usage: Usage | None = None  # of language models since the start; None: there is none
    model_resting: bool = False  # its server failed so often that it is left alone for now, and answers are quotes
    sent: tuple[Sent, ...] = ()  # to which servers; none: nothing leaves the machine
    model_failures: int = 0  # calls that their servers failed since the start
    revision: int = 0  # of the index; grows with every change
    indexing: bool = False  # an ingest is under way
    last_ingest: LastIngest | None = None
    warnings: tuple[str, ...] = ()  # what somebody should look after although questions are answered
