"""Ask a real server once in every way, and keep what it answered as the examples of the API's documents.

The OpenAPI document shows them (``rag/web/examples.json``) and ``docs/api.md`` the stream.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.settings import Settings
from rag.web.api import create_api

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "rag" / "web" / "examples.json"
PAGE = ROOT / "docs" / "api.md"
ARTICLE = """---
title: Lowmere opens its harbour bridge
date: 2024-03-04
author: Lowmere Post
tag:
  - Bridges
---

[Source Link](https://www.example.org/bridge)

The town of Lowmere opened its new harbour bridge on 4 March 2024. The bridge is 640 metres long.

## Tolls

Cars pay a toll of 2.50 pounds to cross the harbour bridge.
"""
AGAIN = ARTICLE.replace("Lowmere Post", "Coast Times").replace("www.example.org", "news.example.com")
ADDED = "# Katzen\n\nDie Katze fraß drei Mäuse.\n"
QUESTION = "How long is the harbour bridge?"
STREAM = re.compile(r"(?<=<!-- recorded stream -->\n```\n).*?(?=```\n)", re.DOTALL)


def record(folder: Path) -> dict[str, Any]:
    """What a server over one article, which two outlets have, answers; all that it writes goes into the folder."""
    texts = folder / "articles"
    texts.mkdir()
    (texts / "bridge.md").write_text(ARTICLE, encoding="utf-8")
    (texts / "bridge-again.md").write_text(AGAIN, encoding="utf-8")
    values = {"articles": texts, "data_dir": folder / "data", "embed_model": "local-fast"}
    settings = Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]
    run_ingest(settings, [texts])
    assistant = open_assistant(settings)
    try:
        return _recorded(TestClient(create_api(assistant)))
    finally:
        assistant.close()


def _recorded(client: TestClient) -> dict[str, Any]:
    question = {"question": QUESTION, "top_k": 2}
    answer = client.post("/api/ask", json=question).json()
    articles = client.get("/api/articles").json()
    told = {
        "answer": answer,
        "refusal": client.post("/api/ask", json={"question": "What is the capital of Australia?"}).json(),
        "events": client.post("/api/ask", json=question | {"stream": True}).text,
        "search": client.post("/api/search", json={"query": QUESTION, "top_k": 1}).json(),
        "articles": articles,
        "article": client.get(f"/api/articles/{articles['articles'][0]['id']}").json(),
        "feedback": client.post("/api/feedback", json={"answer_id": answer["id"], "rating": "up"}).json(),
        "health": client.get("/health").json(),
        "ingested": client.post("/api/ingest", json={"name": "cats.md", "text": ADDED}).json(),
    }
    added = told["ingested"]["results"][0]["article_id"]
    return told | {"removed": client.delete(f"/api/articles/{added}").json()}


def main() -> None:
    """Write the examples anew, where they are shown."""
    with tempfile.TemporaryDirectory() as folder:
        told = record(Path(folder))
    EXAMPLES.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if PAGE.is_file():
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(STREAM.sub(lambda _: told["events"].rstrip() + "\n", page, count=1), encoding="utf-8")


if __name__ == "__main__":
    main()
