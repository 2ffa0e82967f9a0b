"""Samples of messages after a schema, which record the fields that are read from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.schema import Node, Schema
from codexmcp.jsonvalues import list_of, object_of

_MAX_DEPTH = 9


class Traced(dict[str, Any]):
    """A JSON object that records the paths of the fields that are read.

    Args:
        fields: The fields.
        read: The recorded paths.
        at: The path of this object.
    """

    def __init__(self, fields: Mapping[str, Any], read: set[str], at: str = "") -> None:
        self._read, self._at = read, at
        prefix = f"{at}." if at else ""
        super().__init__(
            {name: traced(value, read, f"{prefix}{name}") for name, value in fields.items()}
        )

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - as in a dict
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as in a dict
        """Record a read; see `dict.get`."""
        self._note(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return super().__contains__(name)

    def _note(self, name: str) -> None:
        self._read.add(f"{self._at}.{name}" if self._at else name)


def traced(value: object, read: set[str], at: str) -> object:
    """Return a JSON value whose objects record their reads."""
    if isinstance(value, dict):
        return Traced(value, read, at)
    if isinstance(value, list):
        return [traced(each, read, f"{at}[]") for each in value]
    return value


def sample(schema: Schema, node: Node, number: int, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Return a value of a schema; the number chooses among alternatives."""
    variants = [each for each in schema.variants(node) if each.get("type") != "null"]
    if not variants or depth > _MAX_DEPTH:
        return None
    variant, number = variants[number % len(variants)], number // len(variants)
    words = list_of(variant.get("enum"))
    if words:
        return words[number % len(words)]
    properties = object_of(variant.get("properties"))
    if properties:
        return {
            name: sample(schema, object_of(each), number, depth + 1)
            for name, each in properties.items()
        }
    kind = variant.get("type")
    match kind[0] if isinstance(kind, list) else kind:
        case "array":
            return [sample(schema, object_of(variant.get("items")), number, depth + 1)]
        case "string":
            return "text"
        case "boolean":
            return number % 2 == 0
        case "integer" | "number":
            return 1
        case _:
            more = object_of(variant.get("additionalProperties"))
            return {"key": sample(schema, more, number, depth + 1)} if more else {}
