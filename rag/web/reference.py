"""The page at ``/docs``: the routes and their fields, drawn from the OpenAPI document, without any script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-family: Georgia, serif; }
section { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .5rem 0 1rem; }
h2 { font-size: 1.1rem; } code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { overflow-x: auto; padding: .75rem; background: color-mix(in srgb, currentColor 7%, transparent); }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
"""


def render_reference(openapi: dict[str, Any]) -> str:
    """The whole page."""
    info = openapi["info"]
    schemas = openapi.get("components", {}).get("schemas", {})
    routes = "".join(
        _route(method, path, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
    )
    values = "".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} – API</title><style>{_STYLE}</style><main>"
        f"<h1>{escape(info['title'])} – API {escape(info['version'])}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f"{routes}<h1>Values</h1>{values}</main></html>"
    )


def _route(method: str, path: str, operation: dict[str, Any]) -> str:
    body = _json_schema(operation.get("requestBody", {}))
    takes = f"<p>Takes {_type(body)}.</p>" if body else ""
    rows = [
        (f"<code>{escape(status)}</code>", escape(response["description"]), _type(_json_schema(response)))
        for status, response in operation["responses"].items()
    ]
    paragraphs = "".join(f"<p>{_prose(p)}</p>" for p in operation.get("description", "").split("\n\n"))
    return (
        f"<section><h2><code>{escape(method.upper())} {escape(path)}</code></h2>{paragraphs}{takes}"
        f"{_table(('Status', 'Meaning', 'Body'), rows)}</section>"
    )


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _json_schema(content_holder: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content_holder.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{escape(field)}</code>{'' if field in required else ' <small>optional</small>'}",
            _type(value),
            escape(value.get("description", "")),
        )
        for field, value in schema.get("properties", {}).items()
    ]
    examples = "".join(
        f"<pre>{escape(json.dumps(example, ensure_ascii=False, indent=2))}</pre>"
        for example in schema.get("examples", [])
    )
    return (
        f'<section id="{escape(name)}"><h2><code>{escape(name)}</code></h2>'
        f"<p>{escape(schema.get('description', ''))}</p>{examples}"
        f"{_table(('Field', 'Type', 'Meaning'), rows)}</section>"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words, linked to where it is explained."""
    return " or ".join(dict.fromkeys(_alternatives(schema))) or "anything"


def _alternatives(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        yield f'<a href="#{name}">{name}</a>'
    elif "enum" in schema or "const" in schema:
        yield from (f"<code>{escape(json.dumps(v))}</code>" for v in schema.get("enum", [schema.get("const")]))
    elif "anyOf" in schema:
        for choice in schema["anyOf"]:
            yield from _alternatives(choice)
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif "type" in schema:
        yield escape(schema["type"])
