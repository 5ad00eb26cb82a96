"""Filters as conditions of SQL, for SQLite."""

from __future__ import annotations

import json

from rag.types import Filters


def conditions(filters: Filters, *, include_qa: bool) -> tuple[list[str], list[object]]:
    """Conditions on passages ``p`` with their values."""
    where: list[str] = [] if include_qa else ["p.kind <> 'qa'"]
    values: list[object] = []
    if filters.lang:
        where.append("p.lang IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(list(filters.lang)))
    of_articles, article_values = _of_articles(filters)
    if of_articles:
        where.append(f"p.article_id IN (SELECT a.id FROM articles a WHERE {' AND '.join(of_articles)})")
        values += article_values
    return where, values


def _of_articles(filters: Filters) -> tuple[list[str], list[object]]:
    where: list[str] = []
    values: list[object] = []
    for column, allowed in (("a.author", filters.authors), ("a.id", filters.article_ids)):
        if allowed:
            where.append(f"{column} IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(allowed), ensure_ascii=False))
    if filters.tags:
        where.append("a.id IN (SELECT article_id FROM tags WHERE tag IN (SELECT value FROM json_each(?)))")
        values.append(json.dumps(list(filters.tags), ensure_ascii=False))
    for bound, sign in ((filters.date_from, ">="), (filters.date_to, "<=")):
        if bound:  # an article without a date is in no range
            where.append(f"a.date {sign} ?")
            values.append(bound)
    return where, values
