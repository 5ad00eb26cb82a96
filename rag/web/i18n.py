"""The page's words as Gradio takes them, and the language of whoever reads it."""

from __future__ import annotations

from rag.types import LANGS, Lang
from rag.web.gradio_setup import gr
from rag.web.strings import TEXTS, page_lang

COOKIE = "ask_lang"  # the language that a reader chose, over that of the browser

t = gr.I18n(**TEXTS)  # translated in the browser


def reader_lang(request: gr.Request) -> Lang:
    """The language for what the server writes into the page of this browser."""
    chosen = request.cookies.get(COOKIE)
    found = next((lang for lang in LANGS if lang == chosen), None)
    return found or page_lang(request.headers.get("accept-language"))
