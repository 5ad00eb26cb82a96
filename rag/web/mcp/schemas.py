"""The schemas of the tools, as clients of all kinds read them: in one piece, for some follow no references."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from rag.types import Answer
from rag.web.schemas import SearchResults

Schema = dict[str, Any]


def inlined(schema: Schema) -> Schema:
    """A schema without references and without the titles that only repeat names.

    >>> inlined({"$defs": {"N": {"title": "N", "type": "integer"}}, "properties": {"title": {"$ref": "#/$defs/N"}}})
    {'properties': {'title': {'type': 'integer'}}}
    """
    definitions = schema.get("$defs", {})

    def piece(value: Any) -> Any:
        if isinstance(value, list):
            return [piece(one) for one in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            beside = {name: one for name, one in value.items() if name != "$ref"}
            return piece(definitions[value["$ref"].rsplit("/", 1)[-1]] | beside)
        return {
            name: {field: piece(one) for field, one in inside.items()} if name == "properties" else piece(inside)
            for name, inside in value.items()
            if name not in ("$defs", "title", "examples")
        }

    told: Schema = piece(schema)
    return told


def _result(type_: Any, *, without: tuple[str, ...] = ()) -> Schema:
    schema = inlined(TypeAdapter(type_).json_schema(mode="serialization"))
    schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in without}
    return schema


ASK_RESULT = _result(Answer, without=("passages",))
SEARCH_RESULT = _result(SearchResults)
