"""Definitions of MCP tools in the format of `tools/list`, and the schemas of their answers.

Pure. The schemas of answers are open, so a later version may add fields.

Source: MCP 2025-06-18 and later, `Tool` and `ToolAnnotations`. `outputSchema` is an object at the
root, and every structured answer has to fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]
Hints = Mapping[str, bool]

TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
INTEGER: Schema = {"type": "integer"}
INTEGER_OR_NULL: Schema = {"type": ["integer", "null"]}
FLAG: Schema = {"type": "boolean"}

READS: Hints = {"readOnlyHint": True, "openWorldHint": False}
"""Annotations of a tool without effects. Source: the other two hints have no meaning then."""


def changes(*, destructive: bool, idempotent: bool, open_world: bool) -> Hints:
    """Return the annotations of a tool with effects.

    Args:
        destructive: The tool may overwrite or remove, not only add.
        idempotent: A second call with the same arguments has no further effect.
        open_world: The effects may reach beyond this machine.
    """
    return {
        "readOnlyHint": False,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": open_world,
    }


def one_of(words: Iterable[str]) -> Schema:
    """Return the schema of a text out of some."""
    return {"type": "string", "enum": [str(word) for word in words]}


def list_of(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def record(always: Mapping[str, Schema], sometimes: Mapping[str, Schema] | None = None) -> Schema:
    """Return the open schema of an object.

    Args:
        always: The fields of every such object.
        sometimes: Further fields; None for none.
    """
    return {
        "type": "object",
        "properties": {**always, **(sometimes or {})},
        "required": [*always],
    }


def definition(
    name: str,
    title: str,
    description: str,
    *,
    arguments: Mapping[str, Any],
    answer: Schema,
    hints: Hints,
) -> dict[str, Any]:
    """Return a tool for `tools/list`.

    Args:
        name: The name.
        title: The name for people.
        description: The purpose, for the model.
        arguments: JSON Schema of the arguments.
        answer: JSON Schema of structured answers.
        hints: The annotations.
    """
    return {
        "name": name,
        "title": title,
        "description": description,
        "inputSchema": dict(arguments),
        "outputSchema": answer,
        "annotations": dict(hints),
    }
