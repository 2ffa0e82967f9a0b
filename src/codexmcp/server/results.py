"""Results of tool calls.

Pure. Source: results of `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a tool call.

    Attributes:
        content: The model's last message, or the text of the error.
        thread_id: The thread. None: no thread, and no `structuredContent` in the result.
        is_error: The call failed. A success has no `isError` at all.
        output: The value in the message, for a call with an output schema.
        meta: Further facts about the turn: tokens and time.
        notes: Other changes to the thread, appended to the message.
    """

    content: str
    thread_id: str | None = None
    is_error: bool = False
    output: Any = None
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    def to_wire(self, *, strict: bool) -> dict[str, Any]:
        """Return the result of `tools/call`.

        Args:
            strict: Include only fields of the removed server.
        """
        result: dict[str, Any] = {"content": [{"type": "text", "text": self.content}]}
        if self.thread_id is not None:
            structured: dict[str, Any] = {"threadId": self.thread_id, "content": self.content}
            if self.output is not None:
                structured["output"] = self.output
            result["structuredContent"] = structured
        if self.is_error:
            result["isError"] = True
        if self.meta and not strict:
            result["_meta"] = dict(self.meta)
        if self.notes and not strict:
            result["content"] += [{"type": "text", "text": f"[{note}]"} for note in self.notes]
        return result


def failure(text: str, thread_id: str | None = None) -> CallResult:
    """Return the answer to a failed call."""
    return CallResult(text, thread_id, is_error=True)


def cut_to(result: CallResult, max_bytes: int | None) -> CallResult:
    """Return the result with the text truncated to UTF-8 bytes, and a note about the cut.

    Args:
        result: The result.
        max_bytes: The bound. None: unbounded.
    """
    whole = result.content.encode("utf-8", "replace")
    if max_bytes is None or len(whole) <= max_bytes:
        return result
    text = whole[:max_bytes].decode("utf-8", "ignore")
    note = (
        f"\n\n[cut: {max_bytes} of {len(whole)} bytes; the whole text is the last message of "
        f"thread {result.thread_id}]"
    )
    return replace(result, content=text + note)
