"""What Codex is doing, in one short line for a person.

Pure.
"""

from __future__ import annotations

from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    ErrorReported,
    Event,
    FileChange,
    ItemCompleted,
    ItemStarted,
)

MAX_CHARACTERS = 120


def describe(event: Event) -> str | None:
    """Return what an event says Codex is doing; None for one that does not say."""
    match event:
        case ItemCompleted(item=AgentMessage() as message):
            return _short(f"says: {message.text}")
        case ItemCompleted():
            return None
        case ItemStarted(item=CommandExecution() as command):
            return _short(f"runs {command.command}")
        case ItemStarted(item=FileChange() as change):
            return _short(f"changes {', '.join(change.paths)}")
        case ItemStarted():
            return "thinks" if event.item.type == "reasoning" else None
        case ErrorReported():
            return _short(event.error.message)
        case _:
            return None


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"
