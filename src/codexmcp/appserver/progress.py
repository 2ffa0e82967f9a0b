"""Codex's work in words: a short line for a person.

Pure.
"""

from __future__ import annotations

from codexmcp import figures
from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    ErrorReported,
    Event,
    FileChange,
    FileEdit,
    Item,
    ItemCompleted,
    ItemStarted,
    SubAgentActivity,
)
from codexmcp.jsonvalues import integer_of, object_of, text_of

MAX_CHARACTERS = 120

_NO_WORK = frozenset({"userMessage", "hookPrompt", "plan", "reasoning"})
"""Items with text, but no work."""

_VERBS = {
    "mcpToolCall": "calls",
    "dynamicToolCall": "calls",
    "functionCallOutput": "calls",
    "collabAgentToolCall": "agents:",
    "webSearch": "searches the web:",
    "imageView": "views",
    "imageGeneration": "generates an image:",
    "sleep": "sleeps",
    "contextCompaction": "compacts its context",
    "enteredReviewMode": "begins a review:",
    "exitedReviewMode": "ends a review:",
}


def describe(event: Event, agent: str = "") -> str | None:
    """Return Codex's present work from an event; None if the event shows no work.

    Args:
        event: The event.
        agent: The path of the event's sub-agent, for example `/root/slow`; empty for the root.
    """
    line = _describe(event)
    return None if line is None else _short(f"{agent}: {line}" if agent else line)


def is_work(item: Item) -> bool:
    """Return whether an item is work of the model other than a command or a patch.

    True for an unknown type.
    """
    return item.type not in _NO_WORK and not isinstance(
        item, AgentMessage | CommandExecution | FileChange
    )


def label(item: Item) -> str:
    """Return the details of a work item, for example the tool's name; may be empty.

    Args:
        item: The item; see `is_work`.
    """
    raw = item.raw
    names: list[str | None]
    match item.type:
        case "subAgentActivity" if isinstance(item, SubAgentActivity):
            names = [item.agent_path or item.agent_thread_id, item.kind]
        case "collabAgentToolCall":
            names = [text_of(raw.get("tool")), text_of(raw.get("prompt"))]
        case "webSearch":
            action = object_of(raw.get("action"))
            url, pattern = text_of(action.get("url")), text_of(action.get("pattern"))
            names = [text_of(raw.get("query")) or url, pattern]
        case "imageGeneration":
            names = [text_of(raw.get("revisedPrompt")), text_of(raw.get("savedPath"))]
        case "sleep":
            milliseconds = integer_of(raw.get("durationMs"))
            names = [None if milliseconds is None else figures.duration(milliseconds / 1000)]
        case _:
            keys = ("server", "namespace", "tool", "name", "path", "query", "review", "title")
            names = [text_of(raw.get(key)) for key in keys]
    return " ".join(filter(None, names))


def has_failed(item: Item) -> bool:
    """Return whether a work item ended without success."""
    raw = item.raw
    failed = str(raw.get("status")) in {"failed", "declined", "interrupted"}
    return failed or raw.get("success") is False or bool(object_of(raw.get("failure")))


def names_of(edit: FileEdit) -> str:
    """Return the name of a changed file; both names of a moved file."""
    return f"{edit.path} -> {edit.moved_to}" if edit.moved_to else edit.path


def _describe(event: Event) -> str | None:
    match event:
        case ItemCompleted(item=AgentMessage() as message):
            return f"says: {message.text}"
        case ItemCompleted(item=item) if item.type == "webSearch":
            # The query is known only at the end.
            return _work(item)
        case ItemCompleted():
            return None
        case ItemStarted(item=CommandExecution() as command):
            return f"runs {command.command}"
        case ItemStarted(item=FileChange() as change):
            return f"changes {', '.join(map(names_of, change.edits))}"
        case ItemStarted(item=item):
            return _work(item) if is_work(item) else _thinks(item)
        case ErrorReported():
            return event.error.message
        case _:
            return None


def _thinks(item: Item) -> str | None:
    return "thinks" if item.type == "reasoning" else None


def _work(item: Item) -> str:
    if isinstance(item, SubAgentActivity):
        return f"agent {label(item)}"
    verb = _VERBS.get(item.type, item.type)
    details = label(item)
    return f"{verb} {details}" if details else verb.rstrip(":")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"
