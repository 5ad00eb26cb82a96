"""``/metrics``: what goes on, in the text format of Prometheus, for those who look after the server.

No label holds what somebody sent: routes are named as they are declared, and everything of the page is one route.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import APIRouter
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag.assistant import Assistant
from rag.errors import CancelledReplyError
from rag.types import Answer, AnswererName, Health
from rag.web.callers import GUARDED, HEALTH, METRICS, is_below, path_of, route_of
from rag.web.traffic import Traffic

STAGES = {"retrieve": "retrieve", "answer": "answer", "verify": "verify", "total": "whole"}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)  # seconds
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_OURS = (*GUARDED, HEALTH, METRICS, "/docs", "/openapi.json")


class Measures:
    """All that is counted, in a registry of its own. Safe to use from many threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._asked = Counter("rag_questions", "Questions asked", ["answerer"], registry=self.registry)
        self._ended = Counter(
            "rag_answers",
            "What became of them: answered, the reason of a refusal, failed, or cancelled by who asked",
            ["answerer", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "rag_answer_seconds", "How long an answer took", ["stage"], buckets=BUCKETS, registry=self.registry
        )
        self._running = Gauge("rag_answers_running", "Questions being answered", registry=self.registry)
        self._requests = Counter(
            "rag_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        ProcessCollector(registry=self.registry)

    @contextmanager
    def question(self, answerer: AnswererName) -> Iterator[Callable[[Answer], None]]:
        """Measure a question while it is answered; what it gives is to be told the answer."""
        outcome = "cancelled"

        def answered(answer: Answer) -> None:
            nonlocal outcome
            outcome = answer.refusal.reason if answer.refusal else "answered"
            for stage, milliseconds in answer.timings_ms.items():
                if stage in STAGES:
                    self._seconds.labels(STAGES[stage]).observe(milliseconds / 1000)

        self._asked.labels(answerer).inc()
        self._running.inc()
        try:
            yield answered
        except CancelledReplyError:
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._running.dec()
            self._ended.labels(answerer, outcome).inc()

    def request(self, scope: Scope, status: int) -> None:
        """Count a request; 0 is the status of one whose client left before there was another."""
        route = route_of(scope) if is_below(path_of(scope), *_OURS) else "page"
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(method, route, str(status) if status else "gone").inc()

    def render(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self.registry)


class Measured:
    """Counts the requests. Pure ASGI, for the sake of streams."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self.app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, seen)
        except Exception:
            status = status or 500
            raise
        finally:
            self._measures.request(scope, status)


class _State(Collector):
    """What is read at the moment that somebody looks."""

    def __init__(self, assistant: Assistant, traffic: Traffic) -> None:
        self._assistant = assistant
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        health = self._assistant.health()
        ready = health.status == "ok" and not self._traffic.stopping
        yield GaugeMetricFamily("rag_ready", "Whether questions are answered", float(ready))
        yield InfoMetricFamily(
            "rag",
            "What runs here",
            {
                "version": health.version,
                "embed_model": health.embed_model,
                "answerer": health.answerer,
                "model": health.model or "",
            },
        )
        yield GaugeMetricFamily("rag_warnings", "How many warnings /health gives", float(len(health.warnings)))
        yield GaugeMetricFamily("rag_answers_waiting", "Questions that wait in line", float(self._traffic.waiting))
        yield GaugeMetricFamily("rag_http_requests_running", "Requests under way", float(self._traffic.under_way))
        yield GaugeMetricFamily("rag_threads", "Threads of Python", float(threading.active_count()))
        yield from _of_index(health)
        yield from _of_models(health)

    def describe(self) -> list[Metric]:
        """Nothing beforehand: it would ask the index while the server starts."""
        return []


def _of_index(health: Health) -> Iterator[Metric]:
    yield GaugeMetricFamily("rag_articles", "Articles indexed", float(health.articles))
    yield GaugeMetricFamily("rag_passages", "Passages indexed", float(health.passages))
    if health.refined is not None:
        unrefined = float(health.passages - health.refined)
        yield GaugeMetricFamily("rag_passages_unrefined", "Passages that wait for their second reading", unrefined)
    yield GaugeMetricFamily("rag_index_revision", "Grows with every change", float(health.revision))
    dense = GaugeMetricFamily("rag_dense_state", "What searches by meaning: 1 for the one", labels=["state"])
    for state in ("chroma", "exact"):
        dense.add_metric([state], float(health.dense == state))
    yield dense
    yield GaugeMetricFamily("rag_ingest_running", "Whether an ingest is under way", float(health.indexing))
    if (last := health.last_ingest) is not None:
        age = max(0.0, time.time() - last.finished)
        yield GaugeMetricFamily("rag_ingest_age_seconds", "Since the last ingest ended", age)
        yield GaugeMetricFamily("rag_ingest_seconds", "How long the last ingest took", last.seconds)
        yield GaugeMetricFamily("rag_ingest_failed_files", "Files that did not go in with it", float(last.failed))


def _of_models(health: Health) -> Iterator[Metric]:
    if (used := health.usage) is None:
        return
    yield CounterMetricFamily("rag_model_calls", "Calls of language models that were answered", used.calls)
    yield CounterMetricFamily("rag_model_failures", "Calls that a model's server failed", health.model_failures)
    tokens = CounterMetricFamily("rag_model_tokens", "Tokens", labels=["direction"])
    tokens.add_metric(["in"], used.tokens_in)
    tokens.add_metric(["out"], used.tokens_out)
    yield tokens
    if used.cost is not None:
        yield CounterMetricFamily("rag_model_cost", "What they cost, in the currency of the prices", used.cost)
    resting = float(health.model_resting)
    yield GaugeMetricFamily("rag_model_resting", "Whether a model is left alone because it failed", resting)


def metrics_routes(assistant: Assistant, measures: Measures, traffic: Traffic) -> APIRouter:
    """The route; from here on the assistant's questions are measured."""
    router = APIRouter()
    measures.registry.register(_State(assistant, traffic))
    assistant.watch(measures.question)

    @router.get(METRICS, include_in_schema=False)
    def metrics() -> Response:
        return Response(measures.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return router
