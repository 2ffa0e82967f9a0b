"""Outcome of a turn's tool calls: Codex reports success even if every command failed.

Pure.
"""

from __future__ import annotations

import re

from codexmcp.appserver.events import CommandExecution, Event, FileChange, ItemCompleted
from codexmcp.data_classes import dataclass

_FAILED = frozenset({"failed", "declined"})
_REMARK = re.compile(r"(?:the only|all \d+) (?:command|tool call)s? failed\b")


@dataclass(slots=True)
class ToolCallCounts:
    """Counts ended tool calls: commands, MCP calls, failed patches.

    Attributes:
        commands: Number of ended commands.
        others: Number of other ended calls.
        failed: Number of failures among both.
        changed_files: A patch changed files.
    """

    commands: int = 0
    others: int = 0
    failed: int = 0
    changed_files: bool = False

    def note(self, event: Event) -> None:
        """Count an event of the turn."""
        if not isinstance(event, ItemCompleted):
            return
        item = event.item
        failed = str(item.raw.get("status")) in _FAILED
        if isinstance(item, CommandExecution):
            self.commands += 1
            self.failed += item.failed
        elif isinstance(item, FileChange) and not failed:
            self.changed_files = True
        elif isinstance(item, FileChange) or item.type == "mcpToolCall":
            self.others += 1
            self.failed += failed

    @property
    def remark(self) -> str:
        """Remark on hidden failures; empty if any call succeeded, or without calls."""
        count = self.commands + self.others
        if count == 0 or self.failed < count or self.changed_files:
            return ""
        kind = "tool call" if self.others else "command"
        return f"the only {kind} failed" if count == 1 else f"all {count} {kind}s failed"


def is_failure(remark: str) -> bool:
    """Return whether a remark on a completed turn begins with such a remark."""
    return _REMARK.match(remark) is not None
