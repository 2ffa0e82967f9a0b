"""Program that removes oversized free-form JSON from a message of Codex.

Reads a line from stdin and writes a line to stdout. Imports only the standard library: a process is
started per message, see `oversized`.
"""

from __future__ import annotations

import json
import sys
from typing import Any, cast

MOST_VALUES = 10_000
"""Values allowed in a free-form member."""

_ANY_SHAPE = frozenset({"arguments", "result", "structuredContent", "content", "output", "_meta"})
"""Members with JSON from a model or a tool server. Source: the items of app-server 0.163.0."""


def reduced(line: bytes) -> bytes:
    """Return a message with a placeholder text for each oversized member.

    Raises:
        ValueError: The line is invalid JSON.
    """
    message = json.loads(line.decode())
    for name in ("params", "result"):
        if name in message:
            message[name] = _reduced(message[name])
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode()


def _reduced(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, list):
        return [_reduced(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(value, dict):
        return value
    members = cast("dict[str, Any]", value)
    fields = {name: _reduced(inner) for name, inner in members.items()}
    for name in _ANY_SHAPE & fields.keys():
        count = _count(fields[name])
        if count > MOST_VALUES:
            fields[name] = f"[{count} JSON values left out]"
    return fields


def _count(value: Any) -> int:  # noqa: ANN401 - a JSON value
    count, left = 0, [value]
    while left:
        inner = left.pop()
        count += 1
        if isinstance(inner, dict):
            left += inner.values()
        elif isinstance(inner, list):
            left += inner
    return count


if __name__ == "__main__":
    sys.stdout.buffer.write(reduced(sys.stdin.buffer.read()))
