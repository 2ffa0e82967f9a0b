"""What a tool call answers.

Pure. Source: results of `codex mcp-server` 0.153.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CallResult:
    """The answer to a tool call.

    Attributes:
        content: The model's last message, or the text of the error.
        thread_id: The thread; None when there is none, and then no `structuredContent` is sent.
        is_error: Whether the call failed. A success carries no `isError` at all.
    """

    content: str
    thread_id: str | None = None
    is_error: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Return the result of `tools/call`."""
        result: dict[str, Any] = {"content": [{"type": "text", "text": self.content}]}
        if self.thread_id is not None:
            result["structuredContent"] = {"threadId": self.thread_id, "content": self.content}
        if self.is_error:
            result["isError"] = True
        return result


def failure(text: str, thread_id: str | None = None) -> CallResult:
    """Return the answer to a call that failed."""
    return CallResult(text, thread_id, is_error=True)
