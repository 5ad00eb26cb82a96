"""How long a warm /api/ask takes over HTTP, beside the plain pipeline on the same questions in the same run.

python bench/latency.py [ARTICLES]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from functools import partial
from pathlib import Path

from timing import milliseconds, told

from eval.rivals import PlainPipeline
from rag.encoders.embedding import UseEmbedding
from rag.ingesting.folders import find_files
from rag.language.text import identify
from rag.reading.articles import read_article

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Print start, medians, 95th percentiles and the ratio."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "articles").resolve()
    articles = [read_article(path, folder) for path in find_files(folder)]
    questions = [pair.question.text for article in articles for section in article.sections for pair in section.qa]
    rival = PlainPipeline(articles, UseEmbedding())
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "chat_app.py", "--port", "0", "--articles", str(folder), "--data-dir", data]
        for state in ("empty index", "full index"):
            started = time.perf_counter()
            with subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ) as app:
                assert app.stdout is not None
                address = app.stdout.readline().removeprefix("Ask the Articles: ").strip()
                _ask(address, questions[0])
                print(f"{state}: {time.perf_counter() - started:.1f} s from process start to the first answer")
                if state == "full index":
                    ours = milliseconds(partial(_ask, address), questions, rounds=2)
                app.terminate()
    theirs = milliseconds(lambda question: rival.ask(question, identify(question)[0]), questions, rounds=2)
    for name, times in (("/api/ask over HTTP", ours), ("plain pipeline, in process", theirs)):
        print(told(name, times))
    print(f"ratio of the medians: {statistics.median(ours) / statistics.median(theirs):.1f}")
    return 0


def _ask(address: str, question: str) -> object:
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(f"{address}/api/ask", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


if __name__ == "__main__":
    sys.exit(main())
