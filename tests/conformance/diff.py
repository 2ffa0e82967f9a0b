"""The differences between two documents, each as a path and two values.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any


class Missing:
    """Stands for a value that one of the documents does not have."""

    def __repr__(self) -> str:
        return "(nothing)"


class Anything:
    """Equals every value; for a table that does not care."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "(anything)"


MISSING = Missing()
ANYTHING = Anything()


@dataclass(frozen=True)
class Change:
    """One place where two documents differ.

    Attributes:
        path: The keys on the way, joined by slashes.
        native: The value in the removed server's document.
        ours: The value in ours.
    """

    path: str
    native: Any
    ours: Any

    def __str__(self) -> str:
        return f"{self.path}\n    native: {self.native!r}\n    ours:   {self.ours!r}"


def changes(native: Any, ours: Any, path: str = "") -> Iterator[Change]:
    """Yield the places where two documents differ, in the order of their keys.

    Lists of messages are aligned by what each message is, so that one more or less is one change.
    """
    if isinstance(native, dict) and isinstance(ours, dict):
        for key in dict.fromkeys((*native, *ours)):
            below = f"{path}/{key}" if path else str(key)
            yield from changes(native.get(key, MISSING), ours.get(key, MISSING), below)
    elif _is_told(native) and _is_told(ours):
        yield from _aligned(native, ours, path)
    elif isinstance(native, list) and isinstance(ours, list) and len(native) == len(ours):
        for index, (left, right) in enumerate(zip(native, ours, strict=True)):
            yield from changes(left, right, f"{path}/{index}")
    elif native is MISSING and ours is MISSING:
        return
    # 1 and True, and 1 and 1.0, are equal in Python but not in JSON.
    elif type(native) is not type(ours) or native != ours:
        yield Change(path, native, ours)


def _is_told(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(m, dict) and "type" in m for m in value)


def _aligned(native: Any, ours: Any, path: str) -> Iterator[Change]:
    kinds = [[_kind(message) for message in side] for side in (native, ours)]
    matcher = SequenceMatcher(None, kinds[0], kinds[1], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            for left, right in zip(native[a:b], ours[c:d], strict=True):
                yield from changes(left, right, f"{path}/{_kind(left)}")
            continue
        for message in native[a:b]:
            yield Change(f"{path}/{_kind(message)}", message, MISSING)
        for message in ours[c:d]:
            yield Change(f"{path}/{_kind(message)}", MISSING, message)


def _kind(message: dict[str, Any]) -> str:
    """Return what a message is; an item's message by the kind of its item."""
    item = message.get("item")
    parts = (message["type"], item.get("type") if isinstance(item, dict) else message.get("name"))
    return " ".join(part for part in parts if isinstance(part, str))
