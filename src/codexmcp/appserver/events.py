"""Notifications of `codex app-server` as typed values.

Pure. An unknown event or item is an `UnknownEvent` or `Item` with all its fields, so nothing from a
newer Codex is lost.

Source: `codex app-server generate-json-schema` of 0.153.4, 0.163.0 and 0.171.0.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.errors import AppServerClosedError
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of

Fields = Mapping[str, Any]
"""The decoded `params` of a notification, or an item's object."""


class TurnStatus(StrEnum):
    """Status of a turn, in Codex's words."""

    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """A unit inside a turn: the base of the known kinds, and the class of unknown kinds."""

    raw: Fields

    @property
    def id(self) -> str:
        """Codex's item id."""
        return str(self.raw.get("id", ""))

    @property
    def type(self) -> str:
        """Codex's name of the kind, for example `commandExecution`."""
        return str(self.raw.get("type", ""))


class AgentMessage(Item):
    """A text of the model."""

    @property
    def text(self) -> str:
        """The whole text so far."""
        return str(self.raw.get("text", ""))

    @property
    def phase(self) -> str:
        """Codex's `MessagePhase`, for example `commentary` or `final_answer`; empty if unknown."""
        return text_of(self.raw.get("phase")) or ""


class CommandExecution(Item):
    """A shell command of the model."""

    @property
    def command(self) -> str:
        """The command as one string of shell words."""
        return str(self.raw.get("command", ""))

    @property
    def exit_code(self) -> int | None:
        """The exit code. None: running, or never started."""
        return integer_of(self.raw.get("exitCode"))

    @property
    def failed(self) -> bool:
        """The command ended without success. Codex's own exit code never shows this."""
        status = str(self.raw.get("status"))
        return status in {"failed", "declined"} or self.exit_code not in {None, 0}

    @property
    def output(self) -> str:
        """The output kept by Codex, at most 1 MiB (measured on 0.163.0)."""
        return str(self.raw.get("aggregatedOutput") or "")


def without_shell(command: str) -> str:
    """Return a command without the shell that Codex starts for it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    is_wrapped = len(words) == _SHELL_WORDS and words[1] in {"-c", "-lc"}
    is_shell = is_wrapped and words[0].rpartition("/")[2] in {"bash", "sh", "zsh"}
    return words[2] if is_shell else command


_SHELL_WORDS = 3


@dataclass(frozen=True, slots=True)
class FileEdit:
    """The change of a file.

    Attributes:
        path: The file; the old name of a moved file.
        kind: Codex's word, `add`, `update` or `delete`; `move` for a moved file, changed or not.
        moved_to: The new name of a moved file; otherwise empty.
    """

    path: str
    kind: str
    moved_to: str = ""


class FileChange(Item):
    """A patch of the model."""

    @property
    def edits(self) -> tuple[FileEdit, ...]:
        """The changes per file."""
        changes = map(object_of, list_of(self.raw.get("changes")))
        return tuple(map(_edit, (change for change in changes if "path" in change)))

    @property
    def paths(self) -> tuple[str, ...]:
        """The files in the patch; both names of a moved file."""
        names = (name for edit in self.edits for name in (edit.path, edit.moved_to) if name)
        return tuple(dict.fromkeys(names))


def _edit(change: Fields) -> FileEdit:
    kind = change.get("kind")
    moved_to = text_of(object_of(kind).get("move_path")) or ""
    word = "move" if moved_to else str(object_of(kind).get("type") or kind or "change")
    return FileEdit(str(change["path"]), word, moved_to)


class SubAgentActivity(Item):
    """A change in the state of a sub-agent, in the parent's thread."""

    @property
    def agent_thread_id(self) -> str:
        """The sub-agent's thread."""
        return text_of(self.raw.get("agentThreadId")) or ""

    @property
    def agent_path(self) -> str:
        """The sub-agent's place in the tree, for example `/root/slow`."""
        return text_of(self.raw.get("agentPath")) or ""

    @property
    def kind(self) -> str:
        """Codex's `SubAgentActivityKind`: started, interacted, interrupted or completed."""
        return text_of(self.raw.get("kind")) or ""


_ITEMS: dict[str, type[Item]] = {
    "agentMessage": AgentMessage,
    "commandExecution": CommandExecution,
    "fileChange": FileChange,
    "subAgentActivity": SubAgentActivity,
}


def parse_item(raw: object) -> Item:
    """Return the item of a decoded object."""
    fields = object_of(raw)
    return _ITEMS.get(str(fields.get("type")), Item)(fields)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Spent tokens, as counted by the model's provider."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    total_tokens: int = 0

    def __add__(self, more: TokenUsage) -> TokenUsage:
        counts = ((getattr(self, name), getattr(more, name)) for name in self.__slots__)
        return TokenUsage(*(one + other for one, other in counts))

    def to_json(self) -> dict[str, int]:
        """Return the counts under app-server's names."""
        return {
            "inputTokens": self.input_tokens,
            "cachedInputTokens": self.cached_input_tokens,
            "outputTokens": self.output_tokens,
            "reasoningOutputTokens": self.reasoning_output_tokens,
            "totalTokens": self.total_tokens,
        }


def parse_usage(raw: object) -> TokenUsage:
    """Return the usage in a decoded `TokenUsageBreakdown`; missing counts are 0."""
    fields = object_of(raw)

    def count(name: str) -> int:
        return integer_of(fields.get(name)) or 0

    return TokenUsage(
        input_tokens=count("inputTokens"),
        cached_input_tokens=count("cachedInputTokens"),
        output_tokens=count("outputTokens"),
        reasoning_output_tokens=count("reasoningOutputTokens"),
        total_tokens=count("totalTokens"),
    )


@dataclass(frozen=True, slots=True)
class TurnError:
    """The error of a failed turn.

    Attributes:
        message: Codex's message.
        info: Codex's `codexErrorInfo`: a word, an object with one key, or None.
        will_retry: Codex continues by itself.
        details: Codex's `additionalDetails`.
    """

    message: str
    info: object = None
    will_retry: bool = False
    details: str | None = None


def parse_error(raw: object, *, will_retry: bool = False) -> TurnError | None:
    """Return the error in a decoded `TurnError`; None for null."""
    if not is_object(raw):
        return None
    return TurnError(
        message=str(raw.get("message", "")),
        info=raw.get("codexErrorInfo"),
        will_retry=will_retry,
        details=text_of(raw.get("additionalDetails")),
    )


@dataclass(frozen=True, slots=True)
class Event:
    """A notification about a thread: the base of the known kinds, and the class of unknown kinds.

    Attributes:
        method: Codex's name of the notification.
        params: The fields.
    """

    method: str
    params: Fields

    @property
    def thread_id(self) -> str:
        """The thread; empty if none."""
        return str(self.params.get("threadId", ""))

    @property
    def turn_id(self) -> str:
        """The turn; empty if none."""
        turn = object_of(self.params.get("turn"))
        return str(turn.get("id", "") if turn else self.params.get("turnId", ""))


class ConnectionLost(Event):
    """The end of the app-server, and the last event. Created here, not by Codex."""

    __slots__ = ("reason",)

    def __init__(self, reason: AppServerClosedError) -> None:
        super().__init__("connection/lost", {})
        object.__setattr__(self, "reason", reason)

    reason: AppServerClosedError


class UnknownEvent(Event):
    """A notification without a specific type."""


class TurnStarted(Event):
    """A turn began."""


class ItemStarted(Event):
    """An item began."""

    @property
    def item(self) -> Item:
        """The item so far."""
        return parse_item(self.params.get("item"))


class ItemCompleted(ItemStarted):
    """An item ended."""


class MessageDelta(Event):
    """More text of a message in progress."""

    @property
    def delta(self) -> str:
        """The new text."""
        return str(self.params.get("delta", ""))


class CommandOutputDelta(Event):
    """More output of a command in progress."""

    @property
    def delta(self) -> str:
        """The new output."""
        return str(self.params.get("delta", ""))


class TokenUsageUpdated(Event):
    """The tokens spent by the thread so far."""

    @property
    def total(self) -> TokenUsage:
        """Since the start of the thread."""
        return parse_usage(self._usage().get("total"))

    @property
    def last(self) -> TokenUsage:
        """In the last answer of the model."""
        return parse_usage(self._usage().get("last"))

    def _usage(self) -> Fields:
        return object_of(self.params.get("tokenUsage"))


class ErrorReported(Event):
    """An error; a retry may follow."""

    @property
    def error(self) -> TurnError:
        """The error."""
        will_retry = self.params.get("willRetry") is True
        error = parse_error(self.params.get("error"), will_retry=will_retry)
        return error or TurnError("unknown error", will_retry=will_retry)


class TurnCompleted(Event):
    """The end of a turn, successful or not."""

    @property
    def status(self) -> TurnStatus:
        """The status; an unknown word counts as failed."""
        return parse_turn_status(self._turn().get("status"))

    @property
    def error(self) -> TurnError | None:
        """The error of a failed turn; otherwise None."""
        return parse_error(self._turn().get("error"))

    def _turn(self) -> Fields:
        return object_of(self.params.get("turn"))


def parse_turn_status(raw: object) -> TurnStatus:
    """Return the status of a word; an unknown word counts as failed."""
    try:
        return TurnStatus(str(raw))
    except ValueError:
        return TurnStatus.FAILED


_EVENTS: dict[str, Callable[[str, Fields], Event]] = {
    "turn/started": TurnStarted,
    "turn/completed": TurnCompleted,
    "item/started": ItemStarted,
    "item/completed": ItemCompleted,
    "item/agentMessage/delta": MessageDelta,
    "item/commandExecution/outputDelta": CommandOutputDelta,
    "thread/tokenUsage/updated": TokenUsageUpdated,
    "error": ErrorReported,
}


def parse_event(method: str, params: Fields) -> Event:
    """Return the typed event of a notification. Never raises."""
    return _EVENTS.get(method, UnknownEvent)(method, params)
