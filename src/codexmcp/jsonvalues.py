"""Access to decoded JSON of any shape.

Pure. Fields of a peer's message are read individually; a missing field, or a field of the wrong
type, counts as empty. So no message can raise an error here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a value is a JSON array."""
    return isinstance(value, list)


def object_of(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for any other value."""
    return value if is_object(value) else {}


def list_of(value: object) -> list[Any]:
    """Return a JSON array; an empty one for any other value."""
    return value if is_list(value) else []


def text_of(value: object) -> str | None:
    """Return a JSON string; None for any other value."""
    return value if isinstance(value, str) else None


def integer_of(value: object) -> int | None:
    """Return a JSON integer; None for any other value, true and false included."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def dig(value: object, *names: str) -> object:
    """Return the value in nested objects under a path of names; None if a name is missing."""
    for name in names:
        value = object_of(value).get(name)
    return value


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}
