"""The routes that change what is indexed: files or a text come in, an article goes out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from anyio import to_thread
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rag.assistant import Assistant
from rag.errors import ForeignArticleError, LibraryError, LockedError, UnknownArticleError
from rag.ingesting.library import Added
from rag.reading.formats import SUFFIXES
from rag.web.callers import note
from rag.web.errors import ApiError
from rag.web.openapi import ARTICLES, WITH_BODY, errors, example
from rag.web.schemas import ArticleRemoved, IngestRequest, IngestResults

RETRY_SECONDS = 5
_MULTIPART = "multipart/form-data"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _MULTIPART: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "files": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
                    },
                    "required": ["files"],
                }
            },
            "application/json": {"schema": IngestRequest.model_json_schema()},
        },
    }
}


def library_routes(assistant: Assistant, *, max_files: int) -> APIRouter:
    """The routes, to be included under ``/api``."""
    router = APIRouter(tags=[ARTICLES])

    # It reads the body itself: FastAPI would take in all of it before the key is looked at.
    @router.post(
        "/ingest",
        response_model=IngestResults,
        summary="Add articles",
        openapi_extra=_BODY,
        responses=example("ingested", meaning="What happened to each file") | errors(*WITH_BODY),
    )
    async def add_articles(request: Request) -> Response:
        """Add articles: files as `multipart/form-data`, zip archives among them, or one text as JSON with a `name`.

        They can be searched at once. Each file has a result of its own, in `results`: what happened, and why one was
        not taken. A file replaces the upload of the same name.
        """
        if _content_type(request) == _MULTIPART:
            added = await _add(assistant, await _files(request, max_files))
        else:
            body = await _json(request)
            (result,) = added = await _add(assistant, [(_file_name(body.name), body.text.encode())])
            note(request.scope, files=[result.name])
            if result.outcome == "failed":
                field = "name" if result.reason in ("name", "hidden") else "text"
                raise ApiError(422, f"{field}: {result.detail}", field)
        note(request.scope, files=[result.name for result in added], outcomes=Counter(one.outcome for one in added))
        health = await to_thread.run_sync(assistant.health)
        results = [asdict(result) for result in added]
        return JSONResponse({"results": results, "articles": health.articles, "passages": health.passages})

    @router.delete(
        "/articles/{article_id}",
        response_model=ArticleRemoved,
        summary="Remove an article",
        responses=example("removed", meaning="It is removed") | errors(404, 409, 422),
    )
    def remove_article(article_id: str) -> Response:
        """Remove an article. Its file is kept in the data folder of the server, under `removed`."""
        try:
            kept = assistant.remove(article_id)
        except UnknownArticleError as error:
            raise ApiError(404, str(error), "article_id") from error
        except ForeignArticleError as error:
            raise ApiError(409, str(error), "article_id") from error
        except (LockedError, LibraryError) as error:
            raise _not_now(error) from error
        return JSONResponse({"article_id": article_id, "kept_as": kept.name})

    return router


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def _add(assistant: Assistant, files: Sequence[tuple[str, bytes]]) -> list[Added]:
    try:
        return await to_thread.run_sync(assistant.add, files)
    except (LockedError, LibraryError) as error:
        raise _not_now(error) from error


def _not_now(error: LockedError | LibraryError) -> ApiError:
    if isinstance(error, LockedError):
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return ApiError(503, "the articles are being indexed; try again in a moment", headers=headers)
    return ApiError(503, str(error))


async def _files(request: Request, max_files: int) -> list[tuple[str, bytes]]:
    """The files of a form, whatever their field is called."""
    try:
        form = await request.form(max_files=max_files, max_fields=max_files)
    except HTTPException as error:
        if error.detail.startswith("Too many files"):
            raise ApiError(413, f"files: at most {max_files} can be sent at once", "files") from error
        raise ApiError(422, f"files: the form can't be read: {error.detail}", "files") from error
    try:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                raise ApiError(422, f"{name}: this is no file; send it with a file name", name)
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        if not files:
            raise ApiError(422, "files: this field is required", "files")
        return [(file.filename or "", await file.read()) for file in files]
    finally:
        await form.close()


async def _json(request: Request) -> IngestRequest:
    if _content_type(request) != "application/json":
        raise ApiError(422, f"send files as {_MULTIPART}, or a JSON object with Content-Type: application/json")
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "the body is not valid JSON") from error
    try:
        return IngestRequest.model_validate(body)
    except ValidationError as error:
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


def _file_name(name: str) -> str:
    """A name for a text that is not a file; it may do without a suffix.

    >>> _file_name("Über Katzen"), _file_name("a.txt")
    ('Über Katzen.md', 'a.txt')
    """
    return name if name.lower().endswith(SUFFIXES) else f"{name}.md"
