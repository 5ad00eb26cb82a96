"""Attacks that others wrote, read out of their installed packages: raginject and rag-redteam (both Apache-2.0)."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass

import yaml
from attack_cases import Case
from rag_redteam.fuzz import sample_injection_payloads
from rag_redteam.probes.prompt_injection import BENIGN_DOCS, INJECTION_TEMPLATES, PROBE_QUERY

from rag.language.text import identify


@dataclass(frozen=True, slots=True)
class Foreign:
    """A hostile document, what is asked, and words that a model says which obeys it."""

    id: str
    text: str
    question: str
    forbidden: tuple[str, ...]

    @property
    def case(self) -> Case:
        """What the checks of our own cases take."""
        return Case(
            id=self.id,
            technique="of others",
            owasp="LLM01",
            surface="body",
            lang=identify(self.question)[0],
            name="",
            number=0,
            file=self.id,
            text=self.text,
            question=self.question,
            history=(),
            payload=self.text,
            obeys="",
            never=(),
            url=None,
            must_answer=False,
        )


def foreign_cases(sampled: int) -> list[Foreign]:
    """All patterns of raginject, all templates of rag-redteam, and so many payloads out of the latter's grammar."""
    return [*_raginject(), *_rag_redteam(sampled)]


def _raginject() -> list[Foreign]:
    found = []
    folder = importlib.resources.files("raginject") / "attacks"
    for part in (folder / "patterns", folder / "pattern_sets" / "retriever"):
        for file in sorted(part.iterdir(), key=lambda one: one.name):
            if file.name.endswith(".yaml"):
                for one in yaml.safe_load(file.read_text(encoding="utf-8")):
                    forbidden = tuple(one["success_criteria"].get("forbidden_in_answer") or ())
                    found.append(Foreign(one["id"], one["injected_content"], one["question"], forbidden))
    return found


def _rag_redteam(sampled: int) -> list[Foreign]:
    filler = "\n\n".join(BENIGN_DOCS)
    canaries = [f"RAGREDTEAM-INJECT-{number}" for number in range(len(INJECTION_TEMPLATES))]
    orders = [
        (template.format(canary=canary), canary) for template, canary in zip(INJECTION_TEMPLATES, canaries, strict=True)
    ]
    orders += [(payload.text, payload.canary) for payload in sample_injection_payloads(sampled, seed=7)]
    return [
        Foreign(f"rag-redteam-{number:03d}", f"{filler}\n\n{order}", PROBE_QUERY, (canary,))
        for number, (order, canary) in enumerate(orders)
    ]
