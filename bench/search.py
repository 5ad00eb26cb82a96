"""How long a warm search and a warm answer take over many passages.

python bench/search.py [PASSAGES] [ARTICLES] [QUESTIONS]

The articles are indexed as always, and then their passages are copied (see many.py) until there are enough.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from many import multiply
from timing import milliseconds, told

from eval.dataset import load_questions
from rag.assembly.folder import STORE_FILE
from rag.assembly.ingest import run_ingest
from rag.assembly.serving import open_assistant
from rag.assistant import Assistant
from rag.settings import load_settings

ROOT = Path(__file__).parent.parent
SET = ROOT.parent / "shared" / "bench" / "xquad" / "mixed"
PASSAGES = 10_000
QUESTIONS = 200


def main() -> int:
    """Print medians and 95th percentiles."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else PASSAGES
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else SET / "articles"
    file = Path(sys.argv[3]) if len(sys.argv) > 3 else SET / "questions.jsonl"
    asked = [case.question for case in load_questions(file)]
    questions = asked[:: max(1, len(asked) // QUESTIONS)][:QUESTIONS]
    with tempfile.TemporaryDirectory() as name:
        settings = load_settings(data_dir=Path(name))
        run_ingest(settings, [folder])
        print(f"{multiply(settings.data_dir / STORE_FILE, count)} passages")
        assistant = open_assistant(settings)
        try:
            _wait_for_chroma(assistant)
            asks: dict[str, Callable[[str], object]] = {"search": assistant.search, "ask": assistant.ask}
            for what, ask in asks.items():
                print(told(what, milliseconds(ask, questions)))
        finally:
            assistant.close()
    return 0


def _wait_for_chroma(assistant: Assistant) -> None:
    deadline = time.monotonic() + 600
    while assistant.health().dense != "chroma":
        if time.monotonic() > deadline:
            raise TimeoutError("Chroma was not built within ten minutes")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
