"""The routes for answers that were given: opening one again, and saying whether it is right."""

from __future__ import annotations

import logging

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.errors import FeedbackError
from rag.types import Answer
from rag.web.callers import note
from rag.web.errors import ApiError
from rag.web.openapi import FEEDBACK, WITH_BODY, errors, example
from rag.web.schemas import FeedbackKept, FeedbackRequest

log = logging.getLogger(__name__)


def answers_routes(assistant: Assistant) -> APIRouter:
    """The routes, to be included under ``/api``."""
    router = APIRouter(tags=[FEEDBACK])

    @router.get(
        "/answers/{answer_id}",
        response_model=Answer,
        summary="Open an answer again",
        responses=example("answer", meaning="The answer") | errors(404, 422),
    )
    def get_answer(answer_id: str, include_passages: bool = False) -> Response:
        """An answer that was given before, as it was given. Of those that nobody rated only the newest are kept."""
        try:
            found = assistant.recall(answer_id)
        except FeedbackError as error:
            log.warning("cannot open an answer: %s", error)
            raise ApiError(
                503, "the answers that were given cannot be read right now; try again in a moment"
            ) from error
        if found is None:
            raise ApiError(404, "no answer with this id is kept (any more); ask again with POST /api/ask", "answer_id")
        return JSONResponse(found.to_dict(include_passages=include_passages))

    @router.post(
        "/feedback",
        response_model=FeedbackKept,
        summary="Rate an answer",
        responses=example("feedback", meaning="The rating as it is kept") | errors(404, *WITH_BODY),
    )
    def rate_answer(http: Request, request: FeedbackRequest) -> Response:
        """Say whether an answer is right, and if not, what is. It is kept on the server and can become a test."""
        note(http.scope, answer_id=request.answer_id, rating=request.rating)
        assistant.rate(request.answer_id, request.rating, request.comment, request.correct_answer)
        return JSONResponse({"answer_id": request.answer_id, "rating": request.rating})

    return router
