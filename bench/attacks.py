"""All the attacks, against everything: ``make attacks``. It prints a table for docs/security.md.

python bench/attacks.py [API] [CORPORA] [PAGE] [SMALL]      all of them where none is named

API: every case in every language, by quotations and by a model that obeys. CORPORA: what others wrote, with 300
payloads out of rag-redteam's grammar. PAGE: every case asked in a browser. SMALL: every twelfth case, of SmolLM2.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from attack_cases import Case, cases  # noqa: E402  parts of the tests, which are no package
from attack_checks import wrong_everywhere, wrong_in_markdown  # noqa: E402
from attack_corpora import foreign_cases  # noqa: E402
from attack_product import Attacked, attacked  # noqa: E402
from model_server import smollm2_server  # noqa: E402

from rag.types import Answer, AnswererName  # noqa: E402
from rag.web.openai.text import CitedText  # noqa: E402

SAMPLED = 300
SMALL_STEP = 12
COLUMNS = ("cases", "asked", "answered", "refused", "an order quoted as text", "WRONG")


class Tally:
    """Counts by category, and what was wrong."""

    def __init__(self) -> None:
        self.by_category: dict[str, Counter[str]] = {}
        self.wrong: list[str] = []

    def case(self, category: str) -> None:
        """A case is run."""
        self.by_category.setdefault(category, Counter())["cases"] += 1

    def answer(self, case: Case, answer: Answer, opened: Attacked, orders: Sequence[str] = ("CANARY",)) -> None:
        """Judge an answer. ``orders`` are words that only an article's order to a model holds."""
        counted = self.by_category[case.owasp]
        counted["asked"] += 1
        counted["answered" if answer.answered else "refused"] += 1
        counted["an order quoted as text"] += any(word in answer.answer for word in orders)
        said = CitedText()
        list(said.end(answer))
        wrong = wrong_everywhere(json.loads(json.dumps(answer.to_dict())), case, opened.texts, opened.urls)
        wrong += [f"completion: {one}" for one in wrong_in_markdown(said.text, opened.links)]
        wrong += ["a hidden order in the prompt" for prompt in opened.server.prompts if "HIDDENWORD" in prompt]
        opened.server.asked.clear()
        counted["WRONG"] += bool(wrong)
        self.wrong += [f"{case.owasp} {case.id} {case.technique} ({answer.answerer}): {one}" for one in wrong]

    def print(self, title: str) -> None:
        """The table, and all that was wrong."""
        print(f"\n## {title}\n\n| category | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
        total: Counter[str] = Counter()
        for category, counted in sorted(self.by_category.items()):
            total.update(counted)
            print(f"| {category} | {' | '.join(str(counted[column]) for column in COLUMNS)} |")
        print(f"| all | {' | '.join(str(total[column]) for column in COLUMNS)} |")
        print("\n".join(self.wrong), flush=True)


def api() -> int:
    """Every case, quoted and by a model that obeys."""
    tally = Tally()
    stuffed = [case for case in cases() if case.surface == "stuff"]
    for found in ([case for case in cases() if case.surface != "stuff"], stuffed):
        with _over(found) as opened:
            for case in found:
                tally.case(case.owasp)
                answerers: tuple[AnswererName, ...] = ("extractive", "llm")
                for by in answerers:
                    tally.answer(case, opened.assistant.ask(case.question, history=case.history, answerer=by), opened)
    tally.print("Every case in three languages, by quotations and by a model that obeys")
    return len(tally.wrong)


def corpora() -> int:
    """The attacks of others."""
    found = foreign_cases(SAMPLED)
    tally = Tally()
    with (
        tempfile.TemporaryDirectory() as folder,
        attacked(Path(folder), [], [(one.id, one.text) for one in found]) as opened,
    ):
        opened.obedient.writes = {one.question: " ".join(f"{word} [1]." for word in one.forbidden) for one in found}
        for one in found:
            tally.case(one.case.owasp)
            answerers: tuple[AnswererName, ...] = ("extractive", "llm")
            for answerer in answerers:
                answer = opened.assistant.ask(one.question, answerer=answerer)
                tally.answer(one.case, answer, opened, one.forbidden)
    tally.print("raginject and rag-redteam")
    return len(tally.wrong)


def small() -> int:
    """Some of the cases, by a real model that was never told to obey."""
    tally = Tally()
    chosen = cases()[::SMALL_STEP]
    with smollm2_server() as url, _over(cases(), openai_base_url=url, chat_model="smollm2") as opened:
        for case in chosen:
            tally.case(case.owasp)
            tally.answer(case, opened.assistant.ask(case.question, history=case.history, answerer="llm"), opened)
    tally.print("SmolLM2")
    return len(tally.wrong)


def page() -> int:
    """Every case in a browser."""
    from attack_page import browse  # noqa: PLC0415  brings a browser

    with _over(cases()) as opened:
        asked, wrong = browse(opened, cases())
    print(f"\n## The page in a browser\n\n{asked} questions asked, {len(wrong)} wrong")
    print("\n".join(wrong), flush=True)
    return len(wrong)


@contextmanager
def _over(found: list[Case], **settings: str) -> Iterator[Attacked]:
    with tempfile.TemporaryDirectory() as folder, attacked(Path(folder), found, (), **settings) as opened:
        yield opened


PARTS: dict[str, Callable[[], int]] = {"API": api, "CORPORA": corpora, "PAGE": page, "SMALL": small}

if __name__ == "__main__":
    sys.exit(sum(PARTS[name]() for name in sys.argv[1:] or PARTS) > 0)
