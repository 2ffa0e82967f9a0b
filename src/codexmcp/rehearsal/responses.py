"""Replies of a scripted model: messages, tool calls and token counts.

Owns `Reply` and its parts as plain immutable values, independent of their transport; see
`encoding`. Pure. Imports nothing from the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from codexmcp.data_classes import dataclass, field

JSONObject: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """Say a text to the user.

    Args:
        text: The whole text.
        chunk_size: Characters per delta when streamed; None sends the text as a single delta.
    """

    text: str
    chunk_size: int | None = None

    def deltas(self) -> Iterator[str]:
        """Yield the text in pieces of `chunk_size` characters."""
        size = self.chunk_size or max(1, len(self.text))
        for start in range(0, len(self.text), size):
            yield self.text[start : start + size]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """Call a function tool.

    Args:
        name: The tool's name.
        arguments: The arguments, before their conversion into a JSON string.
        call_id: Pairs the call with its output; None derives a unique id from the response's id.
        namespace: The tool's group, such as `multi_agent_v1`; None for a tool without a group.
    """

    name: str
    arguments: JSONObject
    call_id: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class CustomToolCall:
    """Call a custom (free-form) tool, such as Codex's code-mode `exec`.

    Args:
        name: The tool's name.
        input: The free text for the tool.
        call_id: As in `FunctionCall`.
    """

    name: str
    input: str
    call_id: str | None = None


Item: TypeAlias = Message | FunctionCall | CustomToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of a reply; all 0 by default, as no model was called."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the model.

    Args:
        items: Messages and calls, in order; empty is a valid answer.
        usage: The reported tokens.
    """

    items: tuple[Item, ...] = ()
    usage: Usage = field(default_factory=Usage)
