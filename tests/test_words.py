"""The words of the page: each is said somewhere, and each that is said is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from rag.ingesting.library import Added
from rag.ingesting.uploads import Reason
from rag.types import LANGS, Sent, WarningCode
from rag.web.entries import Trouble
from rag.web.library_list import ORDERS
from rag.web.strings import TEXTS

ROOT = Path(__file__).parent.parent
WEB = ROOT / "rag" / "web"
HAN = r"[\u4e00-\u9fff]"

# Keys that are put together: how they begin, and what follows.
FAMILIES: dict[str, tuple[str, ...]] = {
    "sent_": ("chat", "judge", "embedding", "index", "database"),
    "save_": ("markdown", "html"),
    "export_": get_args(Trouble),
    "articles_": ORDERS,
    "articles_reason_": get_args(Reason),
    "articles_warning_": get_args(WarningCode),
    "articles_outcome_": ("added", "updated", "unchanged", "failed"),
}


def made_of_families() -> set[str]:
    return {beginning + rest for beginning, ends in FAMILIES.items() for rest in ends}


def trees() -> Iterator[ast.Module]:
    for path in sorted(WEB.rglob("*.py")):
        if path.name != "strings.py":
            yield ast.parse(path.read_text("utf-8"))


def said_literally() -> set[str]:
    """The texts in the code, and in the scripts, that stand where a word of the page is looked up or handed on."""
    scripts = "".join(path.read_text("utf-8") for path in WEB.glob("*.js"))
    found = set(re.findall(r'"(\w+)"', scripts))
    for tree in trees():
        comments = {
            node.body[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found |= {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in comments
        }
    return found


def looked_up() -> set[str]:
    """The keys that the code looks up by name: ``texts["…"]``, ``TEXTS[lang]["…"]`` and ``t("…")``."""
    found: set[str] = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and _is_texts(node.value):
                found |= set(_constants(node.slice))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "t":
                found |= set(_constants(node.args[0]))
    return found


def _is_texts(node: ast.expr) -> bool:
    held = node.value if isinstance(node, ast.Subscript) else node
    return isinstance(held, ast.Name) and held.id.lower() == "texts"


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)


def test_every_word_is_said_somewhere() -> None:
    said = said_literally() | made_of_families()
    unsaid = [key for key in TEXTS["en"] if key not in said and not key.startswith("why_")]
    assert unsaid == []


def test_every_reason_why_a_sentence_is_left_out_is_one_that_there_is() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "rag").rglob("*.py") if WEB not in path.parents)
    reasons = [key.removeprefix("why_") for key in TEXTS["en"] if key.startswith("why_")]
    assert len(reasons) > 10
    assert [one for one in reasons if not re.search(f'"{one}"|"{one.replace("_", " ")}"', sources)] == []


def test_every_word_that_is_looked_up_is_there() -> None:
    found = looked_up()
    assert len(found) > 80
    for lang in LANGS:
        assert found - {*LANGS} - set(TEXTS[lang]) == set()


@pytest.mark.parametrize("beginning", FAMILIES)
def test_every_word_that_is_put_together_is_there(beginning: str) -> None:
    assert FAMILIES[beginning]
    for lang in LANGS:
        assert {beginning + rest for rest in FAMILIES[beginning]} <= set(TEXTS[lang])


def test_what_is_put_together_is_what_there_is() -> None:
    assert get_args(get_type_hints(Added)["outcome"]) == FAMILIES["articles_outcome_"]
    assert get_args(get_type_hints(Sent)["what"]) == FAMILIES["sent_"]


@pytest.mark.parametrize("lang", LANGS)
def test_no_word_is_empty_or_has_space_around_it(lang: str) -> None:
    around = {"export_between", "export_list"}  # stand between others
    for key, text in TEXTS[lang].items():  # type: ignore[index]
        assert text.strip() if key not in around else text, key
        assert text == text.strip() or key in around, key


@pytest.mark.parametrize("lang", ["en", "de"])
def test_words_of_one_language_hold_none_of_another(lang: str) -> None:
    assert [key for key, text in TEXTS[lang].items() if re.search(HAN, text) and key != "welcome"] == []  # type: ignore[index]


def test_chinese_words_are_chinese() -> None:
    latin = {key: re.sub(r"\{\w+\}", "", text) for key, text in TEXTS["zh"].items()}
    assert [key for key, text in latin.items() if re.search(r"[A-Za-z]{2}", text) and not re.search(HAN, text)] == []
