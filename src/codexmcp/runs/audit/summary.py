"""Collects the facts for the readable summary of a run, event by event.

Pure. Promises: memory stays bounded for a run of any length; omitted entries are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from codexmcp.appserver.contract import unknown_name
from codexmcp.appserver.events import (
    CommandExecution,
    ErrorReported,
    Event,
    FileChange,
    FileEdit,
    Item,
    ItemCompleted,
    ItemStarted,
    TokenUsage,
    TokenUsageUpdated,
    parse_usage,
)
from codexmcp.appserver.final_answer import FinalAnswer
from codexmcp.appserver.progress import has_failed, is_work, label
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import integer_of, is_list, object_of, text_of
from codexmcp.runs.audit.reading import event_of

MAX_COMMAND_CHARACTERS = 500
MAX_TAIL_CHARACTERS = 1000
MAX_TEXT_CHARACTERS = 300
MAX_FILES = 300
MAX_AGENTS = 20
MAX_OPEN = 50
MAX_UNKNOWN = 50
_FIRST, _LAST = 20, 40

T = TypeVar("T")


@dataclass(slots=True)
class FirstAndLast(Generic[T]):
    """The first and the last of many values, and the total count."""

    first: list[T] = field(default_factory=list[T])
    last: deque[T] = field(default_factory=lambda: deque[T](maxlen=_LAST))
    count: int = 0

    def add(self, value: T) -> None:
        """Add a value."""
        self.count += 1
        if len(self.first) < _FIRST:
            self.first.append(value)
        else:
            self.last.append(value)

    @property
    def left_out(self) -> int:
        """Number of omitted values."""
        return self.count - len(self.first) - len(self.last)


@dataclass(frozen=True, slots=True)
class Step:
    """A command, or a tool call.

    Attributes:
        text: The command line, or the name of the tool.
        failed: The step failed.
        exit_code: The exit code. None: a tool, or a command that never started.
        duration_ms: The duration. None: not reported by Codex.
        tail: The end of the output, after a failure.
    """

    text: str
    failed: bool = False
    exit_code: int | None = None
    duration_ms: int | None = None
    tail: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalNote:
    """A question of Codex and its answer.

    Attributes:
        question: The subject of the question.
        decision: The answer.
        by: Person or program behind the decision.
    """

    question: str
    decision: str
    by: str


class AgentNotes:
    """Facts about one agent, the root or a sub-agent.

    Attributes:
        steps: Commands and tool calls.
        changes: The kinds of the changes of each file, by path.
        more_changes: Changes of files beyond `MAX_FILES`.
        answer: The answer, as far as known from the events.
    """

    def __init__(self) -> None:
        self.steps: FirstAndLast[Step] = FirstAndLast()
        self.changes: dict[str, list[str]] = {}
        self.more_changes = 0
        self.answer = FinalAnswer()
        self._open: dict[str, str] = {}

    @property
    def unfinished(self) -> list[str]:
        """Started commands without an end in the events, the first `MAX_OPEN`."""
        return list(self._open.values())

    def note(self, event: Event) -> None:
        """Add an event of this agent."""
        self.answer = self.answer.after(event)
        match event:
            case ItemCompleted():
                self._note_end(event.item)
            case ItemStarted(item=CommandExecution() as command) if len(self._open) < MAX_OPEN:
                self._open[command.id] = _short(command.command, MAX_COMMAND_CHARACTERS)
            case _:
                pass

    def _note_end(self, item: Item) -> None:
        match item:
            case CommandExecution():
                self._open.pop(item.id, None)
                self.steps.add(_command(item))
            case FileChange():
                for edit in item.edits:
                    self._note_edit(edit)
            case _ if is_work(item):
                self.steps.add(_tool(item))
            case _:
                pass

    def _note_edit(self, edit: FileEdit) -> None:
        if edit.moved_to:
            self._note_change(edit.path, f"moved to {_short(edit.moved_to)}")
            self._note_change(edit.moved_to, f"moved from {_short(edit.path)}")
        else:
            self._note_change(edit.path, edit.kind)

    def _note_change(self, path: str, kind: str) -> None:
        path = _short(path)
        if path not in self.changes and len(self.changes) >= MAX_FILES:
            self.more_changes += 1
            return
        kinds = self.changes.setdefault(path, [])
        if kind not in kinds:
            kinds.append(kind)


class SummaryBuilder:
    """Facts about a run for its summary.

    Attributes:
        root: Notes on the root agent.
        agents: Notes on the sub-agents by path; sub-agents beyond `MAX_AGENTS` share one entry.
        approvals: Questions with their answers.
        errors: Failures, retries included.
        usage: Tokens spent so far by the run's threads.
        unknown: Number of notifications and items unknown to this release, by name; names beyond
            `MAX_UNKNOWN` are left out.
        lost: Number of unwritten lines.
        has_gap: The middle of the events was not read.
    """

    def __init__(self) -> None:
        self.root = AgentNotes()
        self.agents: dict[str, AgentNotes] = {}
        self.approvals: FirstAndLast[ApprovalNote] = FirstAndLast()
        self.errors: FirstAndLast[str] = FirstAndLast()
        self.usage = TokenUsage()
        self.unknown: dict[str, int] = {}
        self.lost = 0
        self.has_gap = False
        self._tokens = TokenLedger()

    def note(self, event: Event, agent: str = "") -> None:
        """Add an event.

        Args:
            event: The event.
            agent: Path of the event's sub-agent; empty for the root.
        """
        self._notes_of(agent).note(event)
        self._note_unknown(unknown_name(event))
        self._tokens.note(event.thread_id, event)
        match event:
            case TokenUsageUpdated():
                self.usage = self._tokens.usage
            case ErrorReported():
                retry = " (Codex tries again)" if event.error.will_retry else ""
                self._note_error(agent, event.error.message, retry)
            case _ if event.method == "connection/lost":
                self._note_error(agent, str(event.params.get("reason") or "app-server is gone"))
            case _:
                pass

    def note_approval(self, question: Mapping[str, Any], decision: str, by: str) -> None:
        """Add a question with its answer; the field `agent` names a sub-agent."""
        agent = text_of(question.get("agent"))
        about = f"{agent}: {_about(question)}" if agent else _about(question)
        self.approvals.add(ApprovalNote(_short(about), decision, by))

    def note_record(self, record: Mapping[str, Any]) -> None:
        """Add a line of a run's file."""
        event = event_of(dict(record))
        if event is not None:
            self.note(event, text_of(record.get("agent")) or "")
        elif "approval" in record:
            decision, by = text_of(record.get("decision")), text_of(record.get("by"))
            if decision is not None:
                self.note_approval(object_of(record["approval"]), decision, by or "")
        else:
            usage = parse_usage(record.get("usage"))
            self.usage = usage if usage.total_tokens else self.usage
        self.lost += integer_of(record.get("lost")) or 0

    def _note_unknown(self, name: str) -> None:
        name = _short(name)
        if name in self.unknown or (name and len(self.unknown) < MAX_UNKNOWN):
            self.unknown[name] = self.unknown.get(name, 0) + 1

    def _note_error(self, agent: str, text: str, retry: str = "") -> None:
        self.errors.add((f"{_short(agent)}: " if agent else "") + _short(text) + retry)

    def _notes_of(self, agent: str) -> AgentNotes:
        if not agent:
            return self.root
        name = _short(agent)
        if name not in self.agents and len(self.agents) >= MAX_AGENTS:
            name = FURTHER_AGENTS
        return self.agents.setdefault(name, AgentNotes())


FURTHER_AGENTS = "further agents"


def _command(item: CommandExecution) -> Step:
    return Step(
        _short(item.command, MAX_COMMAND_CHARACTERS),
        failed=item.failed,
        exit_code=item.exit_code,
        duration_ms=integer_of(item.raw.get("durationMs")),
        tail=item.output[-MAX_TAIL_CHARACTERS:].rstrip() if item.failed else "",
    )


def _tool(item: Item) -> Step:
    return Step(
        _short(f"{item.type} {label(item)}".rstrip()),
        failed=has_failed(item),
        duration_ms=None if item.type == "sleep" else integer_of(item.raw.get("durationMs")),
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
