"""The HTTP API: health, ask, search, the list of articles, answers given before, and feedback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from rag.assistant import Assistant
from rag.keys import Keyring
from rag.types import Health
from rag.web.answers_api import answers_routes
from rag.web.articles_api import library_routes
from rag.web.ask_api import ask_routes
from rag.web.body_limit import MAX_BODY_BYTES
from rag.web.callers import HEALTH, METRICS
from rag.web.catalogue_api import catalogue_routes
from rag.web.errors import ApiError, install_handlers
from rag.web.mcp.api import MCP_PATH, serve_mcp
from rag.web.metrics import Measures, metrics_routes
from rag.web.openai.api import openai_routes
from rag.web.openai.errors import PREFIX
from rag.web.openapi import API_VERSION, DESCRIPTION, OPENAI, STATE, TAGS, TITLE, example, operation_id
from rag.web.reference import render_reference
from rag.web.schemas import ErrorBody, Unhealthy
from rag.web.traffic import STOPPING, Traffic
from rag.web.upload_door import UPLOAD_PATH
from rag.web.wall import Access, surround

UPLOADS = ("/api/ingest", UPLOAD_PATH)  # where more may come in at once; the second is the page's
EVENTS = dict.fromkeys(("/gradio_api/run/predict", "/gradio_api/queue/join"), 4 * 2**20)  # the page's, likewise
EXPORTS = {f"/export/{kind}": 8 * 2**20 for kind in ("markdown", "html", "copy")}  # whole conversations
LIVE = f"{HEALTH}/live"  # whether the process runs at all; health is whether it can answer
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def create_api(
    assistant: Assistant,
    *,
    api_keys: Sequence[str] = (),
    access: Access | None = None,
    max_question_chars: int = 2000,
    max_upload_mb: int = 50,
    max_upload_files: int = 200,
    traffic: Traffic | None = None,
) -> FastAPI:
    """The API over an assistant. ``access`` says who may come in; ``api_keys`` is short for one with these keys.

    ``traffic`` is for the server that this runs in: it knows by it when all is done.
    """
    traffic, measures = traffic or Traffic(), Measures()
    app = FastAPI(
        title=TITLE,
        version=API_VERSION,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        generate_unique_id_function=operation_id,
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
    )
    upload = max_upload_mb * 2**20 + MAX_BODY_BYTES  # for what a form puts around its files
    larger = dict.fromkeys(UPLOADS, upload) | EVENTS | EXPORTS
    surround(app, access or Access(Keyring(api_keys)), larger_bodies=larger, traffic=traffic, measures=measures)
    install_handlers(app)
    app.include_router(_open_routes(app, assistant, traffic))
    app.include_router(metrics_routes(assistant, measures, traffic))
    for routes in (
        ask_routes(assistant, max_question_chars),
        catalogue_routes(assistant),
        library_routes(assistant, max_files=max_upload_files),
        answers_routes(assistant),
    ):
        app.include_router(routes, prefix="/api")
    app.include_router(openai_routes(assistant, max_question_chars), prefix=PREFIX, tags=[OPENAI])
    serve_mcp(app, assistant, max_question_chars=max_question_chars)
    _refuse_unknown_routes(app)
    return app


def _open_routes(app: FastAPI, assistant: Assistant, traffic: Traffic) -> APIRouter:
    router = APIRouter()

    @router.get(
        HEALTH,
        tags=[STATE],
        summary="Whether questions can be answered",
        responses={
            **example("health", meaning="They can"),
            503: {"model": Unhealthy, "description": "They cannot; `status` says why"},
        },
    )
    def health() -> Health:
        """Whether questions can be answered, and from what. Needs no key."""
        state = assistant.health()
        if traffic.stopping:
            state = replace(state, status=STOPPING)
        if state.status == "ok":
            return JSONResponse(asdict(state))  # type: ignore[return-value]
        error = ErrorBody.of("unavailable", state.status).to_dict()
        return JSONResponse(asdict(state) | error, 503)  # type: ignore[return-value]

    @router.get(LIVE, include_in_schema=False)
    async def live() -> Response:
        """Whether the process is alive: not in a thread, so that it is told even when all of them are busy."""
        return JSONResponse({"status": "alive"})

    @router.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(render_reference(app.openapi()))

    return router


def _refuse_unknown_routes(app: FastAPI) -> None:
    """Close our part of the address space: a page mounted at ``/`` must not answer for a mistyped route."""
    known = list(app.router.routes)

    async def refuse(request: Request) -> Response:
        allowed = [m for m in METHODS if any(_serves(route, request.scope, m) for route in known)]
        if allowed:
            message = f"{request.method} is not possible here, but {' and '.join(allowed)}"
            raise ApiError(405, message, headers={"Allow": ", ".join(allowed)})
        raise ApiError(404, "there is nothing at this address; the routes are listed at /docs")

    ours = [path for start in ("/api", PREFIX, MCP_PATH) for path in (start, f"{start}/{{rest:path}}")]
    for path in (*ours, HEALTH, LIVE, METRICS, "/docs", "/openapi.json"):
        app.router.routes.append(Route(path, refuse, methods=METHODS, include_in_schema=False))


def _serves(route: BaseRoute, scope: Scope, method: str) -> bool:
    return route.matches({**scope, "method": method})[0] is Match.FULL
