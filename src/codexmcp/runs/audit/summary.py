"""Gathers, event by event, what the readable summary of a run says.

Pure. Promises: memory stays bounded however long a run is; what is left out is counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    ErrorReported,
    Event,
    FileChange,
    Item,
    ItemCompleted,
    ItemStarted,
    TokenUsage,
    TokenUsageUpdated,
    final_message,
    parse_usage,
)
from codexmcp.jsonvalues import integer_of, is_list, list_of, object_of, text_of
from codexmcp.runs.audit.reading import event_of

MAX_COMMAND_CHARACTERS = 500
MAX_TAIL_CHARACTERS = 1000
MAX_TEXT_CHARACTERS = 300
MAX_FILES = 300
_FIRST, _LAST = 20, 40

T = TypeVar("T")


@dataclass(slots=True)
class Ends(Generic[T]):
    """The first and the last of many, and how many lie between."""

    first: list[T] = field(default_factory=list[T])
    last: deque[T] = field(default_factory=lambda: deque[T](maxlen=_LAST))
    count: int = 0

    def add(self, value: T) -> None:
        """Take one more."""
        self.count += 1
        if len(self.first) < _FIRST:
            self.first.append(value)
        else:
            self.last.append(value)

    @property
    def left_out(self) -> int:
        """How many are counted only."""
        return self.count - len(self.first) - len(self.last)


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or a tool that was called.

    Attributes:
        text: The command line, or the name of the tool.
        failed: Whether it did not succeed.
        exit_code: Its exit code; None for a tool, and for a command that never started.
        duration_ms: How long it took; None when Codex does not say.
        tail: The end of its output, if it failed.
    """

    text: str
    failed: bool = False
    exit_code: int | None = None
    duration_ms: int | None = None
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """A question of Codex and its answer.

    Attributes:
        question: What it was about.
        decision: The answer.
        by: Who or what decided.
    """

    question: str
    decision: str
    by: str


class SummaryBuilder:
    """What is known of a run for its summary.

    Attributes:
        steps: Commands and calls of tools.
        changes: The kinds of the changes of each file, by path.
        more_changes: Changes of files beyond `MAX_FILES`.
        approvals: Questions with their answers.
        errors: What went wrong, retries included.
        usage: Tokens that the thread has spent so far.
        message: The final message as far as the events tell it.
        lost: Lines that could not be written.
        has_gap: Whether events in the midst were not looked at.
    """

    def __init__(self) -> None:
        self.steps: Ends[Step] = Ends()
        self.changes: dict[str, list[str]] = {}
        self.more_changes = 0
        self.approvals: Ends[Approval] = Ends()
        self.errors: Ends[str] = Ends()
        self.usage = TokenUsage()
        self.message = ""
        self.lost = 0
        self.has_gap = False

    def note(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case ItemCompleted():
                self._note_item(event.item)
            case ItemStarted():
                self._note_message(event.item)
            case TokenUsageUpdated():
                self.usage = event.total
            case ErrorReported():
                retry = " (Codex tries again)" if event.error.will_retry else ""
                self.errors.add(_short(event.error.message) + retry)
            case _ if event.method == "connection/lost":
                self.errors.add(_short(str(event.params.get("reason") or "app-server is gone")))
            case _:
                pass

    def note_approval(self, question: Mapping[str, Any], decision: str, by: str) -> None:
        """Take a question with its answer into account."""
        self.approvals.add(Approval(_short(_about(question)), decision, by))

    def note_record(self, record: Mapping[str, Any]) -> None:
        """Take a line of a run's file into account."""
        event = event_of(dict(record))
        if event is not None:
            self.note(event)
        elif "approval" in record:
            decision, by = text_of(record.get("decision")), text_of(record.get("by"))
            if decision is not None:
                self.note_approval(object_of(record["approval"]), decision, by or "")
        else:
            usage = parse_usage(record.get("usage"))
            self.usage = usage if usage.total_tokens else self.usage
        self.lost += integer_of(record.get("lost")) or 0

    def _note_item(self, item: Item) -> None:
        match item:
            case CommandExecution():
                self.steps.add(_command(item))
            case FileChange():
                for change in map(object_of, list_of(item.raw.get("changes"))):
                    self._note_change(change)
            case AgentMessage():
                self._note_message(item)
            case _ if item.type in _TOOLS:
                self.steps.add(_tool(item))
            case _:
                pass

    def _note_message(self, item: Item) -> None:
        self.message = final_message(self.message, item)

    def _note_change(self, change: Mapping[str, Any]) -> None:
        path, kind = _short(str(change.get("path", ""))), change.get("kind")
        kind = str(object_of(kind).get("type") or kind or "change")
        if path not in self.changes and len(self.changes) >= MAX_FILES:
            self.more_changes += 1
            return
        kinds = self.changes.setdefault(path, [])
        if kind not in kinds:
            kinds.append(kind)


_TOOLS = frozenset({"mcpToolCall", "dynamicToolCall", "webSearch"})


def _command(item: CommandExecution) -> Step:
    return Step(
        _short(item.command, MAX_COMMAND_CHARACTERS),
        failed=item.failed,
        exit_code=item.exit_code,
        duration_ms=integer_of(item.raw.get("durationMs")),
        tail=item.output[-MAX_TAIL_CHARACTERS:].rstrip() if item.failed else "",
    )


def _tool(item: Item) -> Step:
    words = (text_of(item.raw.get(name)) for name in ("server", "tool", "query"))
    return Step(
        _short(" ".join([item.type, *filter(None, words)])),
        failed=item.raw.get("status") == "failed",
        duration_ms=integer_of(item.raw.get("durationMs")),
    )


def _about(question: Mapping[str, Any]) -> str:
    params = object_of(question.get("params")) or question
    names = ("text", "command", "reason", "message", "grantRoot", "itemId")
    for value in (*map(params.get, names), question.get("method")):
        text = " ".join(map(str, value)) if is_list(value) else text_of(value)
        if text:
            return text
    return "unknown question"


def _short(text: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
