"""The door through which a conversation leaves: as a file to keep, or as text to copy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from anyio import to_thread
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from rag.types import Lang
from rag.web.entries import Entry, read_entries
from rag.web.errors import ApiError
from rag.web.export_copy import answer_as_html, answer_as_text
from rag.web.export_html import conversation_as_html
from rag.web.export_markdown import conversation_as_markdown
from rag.web.prose import one_line
from rag.web.security import comes_from_another_site

NAME_CHARS = 60
_FILES = {
    "markdown": (conversation_as_markdown, "md", "text/markdown; charset=utf-8"),
    "html": (conversation_as_html, "html", "text/html; charset=utf-8"),
}


def serve_exports(api: FastAPI, may_enter: Callable[[Request], bool]) -> None:
    """``POST /export/markdown``, ``html`` and ``copy`` of entries, for those who may see the page."""

    @api.post("/export/{kind}", include_in_schema=False)
    async def export(request: Request, kind: str, lang: Lang) -> Response:
        if kind != "copy" and kind not in _FILES:
            raise ApiError(404, "there is no such export; there are markdown, html and copy")
        if comes_from_another_site(request.headers):
            raise ApiError(403, "a page of another site can't export a conversation")
        if not may_enter(request):
            raise ApiError(401, "log in on the page first, then export from there")
        body = await request.body()
        return await to_thread.run_sync(_exported, kind, body, lang)


def _exported(kind: str, body: bytes, lang: Lang) -> Response:
    try:
        entries = read_entries(body)
    except ValueError as error:
        raise ApiError(422, f"{error}; reload the page, or start a new conversation") from None
    if not entries:
        raise ApiError(422, "there is nothing to export yet; ask a question first")
    if kind == "copy":
        if len(entries) > 1:
            raise ApiError(422, "one answer is copied at a time; send one entry")
        return JSONResponse({"text": answer_as_text(entries[0], lang), "html": answer_as_html(entries[0], lang)})
    write, suffix, media_type = _FILES[kind]
    made = datetime.now(UTC)
    headers = {"Content-Disposition": disposition(entries, suffix, made), "Cache-Control": "no-store"}
    return Response(write(entries, lang, made=made), media_type=media_type, headers=headers)


def disposition(entries: Sequence[Entry], suffix: str, made: datetime) -> str:
    """The header that names the file: its date and the first question, in ASCII and, for all who can, as it is.

    >>> disposition([Entry("Für/wen?")], "md", datetime(2024, 5, 21, tzinfo=UTC))
    'attachment; filename="2024-05-21-Fur-wen.md"; filename*=UTF-8\\'\\'2024-05-21-F%C3%BCr-wen.md'
    """
    words = re.sub(r"[\W_]+", "-", one_line(entries[0].question)).strip("-")[:NAME_CHARS].strip("-")
    in_ascii = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    plain, full = (
        "-".join(part for part in (f"{made:%Y-%m-%d}", name) if part)
        for name in (re.sub(r"-+", "-", in_ascii).strip("-") or "conversation", words or "conversation")
    )
    return f"attachment; filename=\"{plain}.{suffix}\"; filename*=UTF-8''{quote(full, safe='')}.{suffix}"
