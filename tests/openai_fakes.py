"""What the tests of the OpenAI-compatible routes share: an assistant that tells step by step, and ways to ask it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from web_fakes import HandMadeAssistant, make_answer, make_citation, make_refusal

from rag.conversation.rewriting import Message
from rag.errors import ChatModelError
from rag.types import Answer, AnswererName, Disagreement, Found, Health, Said, Sentence, Update, Usage, Written

URL = "https://www.example.org/cats?a=1&b=2"


def english() -> Answer:
    citations = (
        make_citation(1, title="Scale raises $1bn", lang="en", quote="Scale raised **$1bn**."),
        make_citation(2, article_id="other", title="No link", url=None, file="other.md", author=None, lang="en"),
        make_citation(3, title="Scale raises $1bn", lang="en", quote="It is valued at $14bn."),
    )
    sentences = (Sentence("Scale raised $1bn.", (1, 2), 1.0), Sentence("It is valued at $14bn.", (3,), 1.0))
    told = make_answer("Who?", question_lang="en", sentences=sentences, citations=citations)
    return replace(told, disagreements=(Disagreement("$1bn", (1, 2)),), note="The model did not answer.")


def chinese() -> Answer:
    sentences = (Sentence("公司筹集了10亿美元。", (1,), 1.0), Sentence("估值翻倍。", (1,), 1.0))
    citation = make_citation(title="融资", lang="zh", author="财经", quote="公司筹集了10亿美元。")
    return make_answer("多少？", question_lang="zh", sentences=sentences, citations=(citation,))


def smiling() -> Answer:
    """One character here that is two in JavaScript, before the links."""
    sentences = (Sentence("😀 sagt die Katze 😀.", (1,), 1.0), Sentence("😀 auch der Hund.", (1,), 1.0))
    return make_answer(sentences=sentences)


ANSWERS: dict[str, Answer] = {
    "Was fraß die Katze?": make_answer(),
    "Who raised it?": english(),
    "筹集了多少？": chinese(),
    "The weather?": make_refusal("The weather?", "en"),
    "天气怎么样？": make_refusal("天气怎么样？", "zh"),
    "Wie ist das Wetter?": make_refusal("Wie ist das Wetter?", "de"),
    "Wer sagt 😀?": smiling(),
    "By a model?": make_answer(answerer="llm", model="m", usage=Usage(1, 120, 30)),
}


class ToldAssistant(HandMadeAssistant):
    """Tells its answers step by step: *wait* waits to be cancelled, *break* fails after a sentence."""

    def __init__(self, model: str | None = None) -> None:
        super().__init__()
        self.model = model
        self.waiting = threading.Event()
        self.ended = threading.Event()
        self.prompts: list[list[Message]] = []
        self.written: Callable[[], Written] | None = None  # what its chat model replies

    def write(
        self, messages: Sequence[Message], *, max_tokens: int | None = None, cancelled: threading.Event | None = None
    ) -> Written:
        self.prompts.append(list(messages))
        if self.written is None:
            raise ChatModelError("http://secret-host:9 said no")
        return self.written()

    def stream(self, question: str, *, cancelled: threading.Event | None = None, **asked: Any) -> Iterator[Update]:
        told = self.ask(question, **asked)
        if "first wait" in question:
            self._wait(cancelled)
        yield Found(told.passages)
        for number, sentence in enumerate(told.sentences):
            if number and "wait" in question:
                self._wait(cancelled)
            yield Said(sentence, told.citations)
        if "break" in question:
            raise ChatModelError("http://secret-host:9 said no")
        yield told

    def _wait(self, cancelled: threading.Event | None) -> None:
        assert cancelled is not None
        self.waiting.set()
        try:
            assert cancelled.wait(20)
        finally:
            self.ended.set()

    def _answer(self, question: str, answerer: AnswererName | None) -> Answer:
        if "fail" in question or "crash" in question:
            return super()._answer(question, None)
        return ANSWERS.get(question) or english()

    def health(self) -> Health:
        return replace(super().health(), model=self.model)


def connect(site: str, key: str = "any") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{site}/v1", api_key=key, max_retries=0, timeout=60)


def ask(client: openai.OpenAI, question: str, **more: Any) -> ChatCompletion:
    messages: Any = [{"role": "user", "content": question}]
    given = client.chat.completions.create(**{"model": "articles", "messages": messages, **more})
    assert isinstance(given, ChatCompletion)
    return given


def chunks(client: openai.OpenAI, question: str, **more: Any) -> list[ChatCompletionChunk]:
    messages: Any = [{"role": "user", "content": question}]
    return list(client.chat.completions.create(model="articles", messages=messages, stream=True, **more))


def content_of(completion: ChatCompletion) -> str:
    content = completion.choices[0].message.content
    assert content is not None
    return content


def deltas(told: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in told if chunk.choices)


def extra(value: ChatCompletion | ChatCompletionChunk) -> dict[str, Any]:
    assert value.model_extra is not None
    return value.model_extra
