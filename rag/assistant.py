"""The assistant: the one object that the page, the API and the evaluation talk to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from rag.answering.extractive import worth_reading
from rag.answering.suggesting import suggestions
from rag.conversation.rewriting import HeuristicRewriter, Message, Rewriter, language
from rag.engine import CitedQueryEngine, refuse
from rag.errors import FeedbackError, LibraryError, QuestionError
from rag.ingesting.ingestion import Step
from rag.ingesting.library import Added, Library
from rag.language.text import identify
from rag.maintenance.upkeep import INDEXING, NOT_INDEXED, Upkeep, look_at
from rag.nodes import Question, passage_of
from rag.reading.articles import offered_questions
from rag.search.dense import DenseIndex
from rag.storage.feedback import FeedbackStore, Rating, Verdict
from rag.storage.listing import Listing
from rag.storage.truth import Truth
from rag.types import (
    Answer,
    AnswererName,
    ArticleSummary,
    ArticleView,
    Filters,
    Health,
    Lang,
    OfferedQuestion,
    Passage,
    RefusalReason,
    Sent,
    Turn,
    Update,
    Usage,
    Written,
)

if TYPE_CHECKING:  # it takes most of a second to import, which who has no model should not wait for
    from rag.answering.plain import PlainWriter
    from rag.chat.model import ChatModel


# Measures a question while it is answered; what it gives is told the answer.
Watch = Callable[[AnswererName], AbstractContextManager[Callable[[Answer], None]]]

MOST_LOOKED_AT = 50  # articles, for questions to begin with


class Assistant:
    """Answers questions over the indexed articles. Safe to call from many threads."""

    _watch: Watch = staticmethod(lambda answerer: nullcontext(lambda answer: None))

    def __init__(
        self,
        store: Truth,
        dense: DenseIndex,
        engines: Mapping[AnswererName, CitedQueryEngine],
        *,
        default: AnswererName,
        embed_model: str,
        models: Sequence[ChatModel] = (),
        sent: Sequence[Sent] = (),
        version: str,
        on_begin: Callable[[], None] = lambda: None,
        on_close: Callable[[], None],
        refines: bool = False,
        feedback: FeedbackStore | None = None,
        rewriter: Rewriter | None = None,
        library: Library | None = None,
        writer: PlainWriter | None = None,
        upkeep: Upkeep | None = None,
    ) -> None:
        self._store = store
        self._dense = dense
        self._engines = engines
        self._default = default
        self._embed_model = embed_model
        self._models = tuple(models)
        self._sent = tuple(sent)
        self._version = version
        self._on_begin = on_begin
        self._on_close = on_close
        self._refines = refines
        self._feedback = feedback
        self._rewriter = rewriter or HeuristicRewriter()
        self._library = library
        self._writer = writer
        self._upkeep = upkeep
        self._listing = Listing(store)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        top_k: int = 8,
        include_qa: bool = True,
        answerer: AnswererName | None = None,
    ) -> Answer:
        """A proven answer, or a refusal in the question's language. It is kept, so that it can be rated.

        Raises:
            QuestionError: the answerer asked for is not set up.
        """
        told = self.stream(
            question, history=history, filters=filters, top_k=top_k, include_qa=include_qa, answerer=answerer
        )
        (answer,) = (update for update in told if isinstance(update, Answer))
        return answer

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        top_k: int = 8,
        include_qa: bool = True,
        answerer: AnswererName | None = None,
        cancelled: Event | None = None,
    ) -> Iterator[Update]:
        """What was found, each sentence as soon as it is proven, and last the answer that ``ask`` returns.

        Nothing that was told is taken back. ``cancelled`` may be set from any thread once nobody listens any more.

        Raises:
            QuestionError: the answerer asked for is not set up.
            CancelledReplyError: it was cancelled.
        """
        engine = self._engine(answerer or self._default)
        with self._watch(answerer or self._default) as answered:
            for told in self._told(engine, question, history, (filters, top_k, include_qa, cancelled)):
                if isinstance(told, Answer):
                    answered(told)
                yield told

    def watch(self, watch: Watch) -> None:
        """Have every question measured from now on."""
        self._watch = watch

    def _told(
        self, engine: CitedQueryEngine, question: str, history: Sequence[Turn], how: tuple[Any, ...]
    ) -> Iterator[Update]:
        lang = language(question, history)
        reason = self._refusal(question)
        if reason is not None:
            yield self._kept(refuse(question, lang, reason))
            return
        asked = _question(question, lang, *how)
        if history:
            asked.standalone = self._rewriter.standalone(question, lang, history, asked.cancelled, asked.bill)
        for told in engine.stream(asked):
            yield self._kept(told) if isinstance(told, Answer) else told

    def write(
        self, messages: Sequence[Message], *, max_tokens: int | None = None, cancelled: Event | None = None
    ) -> Written:
        """What the language model replies to a prompt that is no question: nothing is looked for, nothing is proven.

        For the titles and the like that chat front ends ask for. ``max_tokens`` may be less than the limit of replies.

        Raises:
            QuestionError: there is no language model, or the prompt is longer than it may be.
            ChatModelError: the model failed, or is left alone because it did so before.
            CancelledReplyError: it was cancelled.
        """
        if self._writer is None:
            raise QuestionError("no chat model is set up here; set RAG_CHAT_MODEL, or ask for quotes")
        return self._writer.write(messages, max_tokens=max_tokens, cancelled=cancelled)

    def _refusal(self, question: str) -> RefusalReason | None:
        """Why there is nothing to look for."""
        if not any(c.isalnum() for c in question):
            return "question_empty"
        return None if self._store.count()[1] else "empty_index"

    def rate(
        self, answer_id: str, rating: Verdict, comment: str | None = None, correct_answer: str | None = None
    ) -> None:
        """Keep what someone says of an answer; of a refusal, ``up`` says that refusing was right.

        Raises:
            UnknownAnswerError: no answer with this id is kept.
            FeedbackError: the feedback can't be written.
        """
        if self._feedback is None:
            raise FeedbackError("no feedback is kept here; give the assistant a FeedbackStore")
        self._feedback.rate(Rating(answer_id, rating, comment, correct_answer))

    def recall(self, answer_id: str) -> Answer | None:
        """An answer that was given before, as it was given; None when it is not kept, or can't be read any more.

        Its citations hold their own words. Of the passages that were found those are left out that are gone from the
        index or have changed.

        Raises:
            FeedbackError: the answers that were given can't be read.
        """
        kept = self._feedback.kept(answer_id) if self._feedback else None
        if kept is None:
            return None
        found = {passage.passage_id: passage for passage in self._passages(kept.scores)}
        passages = (replace(found[one], score=score) for one, score in kept.scores.items() if one in found)
        return replace(kept.answer, passages=tuple(passages))

    def search(
        self, query: str, *, filters: Filters | None = None, top_k: int = 10, include_qa: bool = True
    ) -> list[Passage]:
        """The passages that fit best, best first."""
        if not any(c.isalnum() for c in query):
            return []
        asked = _question(query, identify(query)[0], filters, top_k, include_qa)
        return [passage_of(node) for node in self._engine(self._default).retrieve(asked)]

    def articles(self) -> list[ArticleSummary]:
        """What is indexed, newest first, articles without a date last."""
        return self._listing.read()

    def article(self, article_id: str) -> tuple[ArticleSummary, str] | None:
        """One article and its whole text, into which all offsets point; None when there is no such id."""
        text = self._store.text(article_id)
        found = self._store.summaries([article_id])
        return (found[0], text) if found and text is not None else None

    def read(self, article_id: str) -> ArticleView | None:
        """One article with its passages and the questions that it answers itself; None when there is no such id."""
        found = self.article(article_id)
        if found is None:
            return None
        summary, text = found
        passages = sorted(self._passages(self._store.passage_ids(article_id)), key=lambda passage: passage.start)
        return ArticleView(summary, text, tuple(passages), offered_questions(text))

    def examples(self, lang: Lang, count: int = 4) -> list[str]:
        """Questions in a language that articles answer themselves, one of each, of the newest articles first."""
        found: list[str] = []
        newest = (one for one in self.articles() if one.qa_pairs and lang in one.langs)
        for summary in islice(newest, MOST_LOOKED_AT):
            if len(found) == count:
                break
            offered = offered_questions(self._store.text(summary.id) or "")
            found += [question.text for question in offered if question.lang == lang][:1]
        return found

    def suggest(
        self, answer: Answer, *, filters: Filters | None = None, asked: Sequence[str] = (), count: int = 3
    ) -> list[str]:
        """Questions to ask next, from the articles of an answer; each was tried and is answered.

        ``asked`` are the earlier questions of the conversation. No language model is asked, and nothing is kept.

        Raises:
            EmbeddingError: the embedder failed.
        """
        said = Turn("assistant", answer.answer)
        history = [*(Turn("user", question) for question in (*asked, answer.question)), said]

        def ask(question: str) -> Answer:
            tried = _question(question, language(question, history), filters)
            tried.standalone = HeuristicRewriter().standalone(question, tried.lang, history)
            return self._engine("extractive").ask(tried)

        def offered(article_id: str) -> Sequence[OfferedQuestion]:
            return offered_questions(self._store.text(article_id) or "")

        nearest = worth_reading(answer.passages, answer.question_lang)
        return suggestions(answer, nearest, offered=offered, ask=ask, asked=asked, count=count)

    def add(self, files: Sequence[tuple[str, bytes]], progress: Step | None = None) -> list[Added]:
        """Take files (name and content, zip archives among them) into the articles; they can be searched at once.

        Raises:
            LockedError: an ingest is under way, and it took too long to wait for.
            LibraryError: there is no folder to keep them in.
            EmbeddingError: the embedder failed; what was kept goes in with the next ingest.
        """
        return self._shelves().add(files, progress)

    def remove(self, article_id: str) -> Path:
        """Take an article out; its file is kept where this says.

        Raises:
            UnknownArticleError: there is no such article.
            ForeignArticleError: it was indexed from elsewhere than the folder of articles.
            LockedError: an ingest is under way, and it took too long to wait for.
            LibraryError: its file can't be moved.
        """
        return self._shelves().remove(article_id)

    def _passages(self, ids: Iterable[str]) -> list[Passage]:
        return [stored.passage for stored in self._store.load(ids)]

    def _shelves(self) -> Library:
        if self._library is None:
            raise LibraryError("articles can't be added or removed here; give the assistant a Library")
        return self._library

    def health(self) -> Health:
        """Whether questions can be answered, and from what."""
        state = look_at(self._store, refines=self._refines)
        indexing = self._upkeep.indexing() if self._upkeep else False
        return Health(
            status=INDEXING if indexing and state.problem == NOT_INDEXED else state.problem or "ok",
            articles=state.articles,
            passages=state.passages,
            embed_model=self._embed_model,
            answerer=self._default,
            model=self._models[0].model if self._models else None,
            dense=self._dense.state,
            refined=state.refined if self._refines else None,
            version=self._version,
            usage=sum((model.usage for model in self._models), Usage()) if self._models else None,
            model_resting=any(model.is_resting for model in self._models),
            sent=self._sent,
            model_failures=sum(model.failures for model in self._models),
            revision=state.revision,
            indexing=indexing,
            last_ingest=state.last_ingest,
            warnings=self._upkeep.warnings(state) if self._upkeep else (),
        )

    def begin(self) -> None:
        """Let begin what goes on in the background; once."""
        self._on_begin()

    def close(self) -> None:
        """Let go of the index; safe to call twice."""
        self._on_close()

    def _kept(self, answer: Answer) -> Answer:
        if self._feedback is not None:
            settings = {"embed_model": self._embed_model, "answerer": answer.answerer, "model": answer.model}
            self._feedback.record(answer, settings | {"version": self._version})
        return answer

    def _engine(self, name: AnswererName) -> CitedQueryEngine:
        engine = self._engines.get(name)
        if engine is None:
            raise QuestionError(f"answerer {name} is not set up; available: {', '.join(self._engines)}")
        return engine


def _question(
    text: str,
    lang: Lang,
    filters: Filters | None,
    top_k: int = 8,
    include_qa: bool = True,
    cancelled: Event | None = None,
) -> Question:
    return Question(
        text.strip(),
        lang=lang,
        filters=filters or Filters(),
        top_k=top_k,
        include_qa=include_qa,
        cancelled=cancelled,
    )
