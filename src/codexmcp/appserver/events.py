"""The notifications of `codex app-server` as typed values.

Pure. An event or item that this version does not know is kept as `UnknownEvent` or `Item` with all
its fields, so that a newer Codex loses nothing on the way.

Source: `codex app-server generate-json-schema` of 0.153.4, 0.163.0 and 0.169.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any

from codexmcp.errors import AppServerClosedError
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of

Fields = Mapping[str, Any]
"""The decoded `params` of a notification, or an item's own object."""


class TurnStatus(StrEnum):
    """How a turn stands, in Codex's words."""

    IN_PROGRESS = "inProgress"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """A unit inside a turn; the base of the known kinds, and itself the unknown one."""

    raw: Fields

    @property
    def id(self) -> str:
        """Codex's id of the item."""
        return str(self.raw.get("id", ""))

    @property
    def type(self) -> str:
        """Codex's name of the kind, such as `commandExecution`."""
        return str(self.raw.get("type", ""))


class AgentMessage(Item):
    """Text that the model says."""

    @property
    def text(self) -> str:
        """The whole text so far."""
        return str(self.raw.get("text", ""))


class CommandExecution(Item):
    """A shell command that the model runs."""

    @property
    def command(self) -> str:
        """The command as one string of shell words."""
        return str(self.raw.get("command", ""))

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs or when it never started."""
        return integer_of(self.raw.get("exitCode"))

    @property
    def failed(self) -> bool:
        """Whether it ended and did not succeed. Codex's own exit code never says this."""
        status = str(self.raw.get("status"))
        return status in {"failed", "declined"} or self.exit_code not in {None, 0}

    @property
    def output(self) -> str:
        """Its output as far as Codex keeps it (1 MiB, measured on 0.163.0)."""
        return str(self.raw.get("aggregatedOutput") or "")


class FileChange(Item):
    """Files that the model changes by a patch."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The files named by the patch."""
        changes = map(object_of, list_of(self.raw.get("changes")))
        return tuple(str(change["path"]) for change in changes if "path" in change)


_ITEMS: dict[str, type[Item]] = {
    "agentMessage": AgentMessage,
    "commandExecution": CommandExecution,
    "fileChange": FileChange,
}


def parse_item(raw: object) -> Item:
    """Return the item that a decoded object describes."""
    fields = object_of(raw)
    return _ITEMS.get(str(fields.get("type")), Item)(fields)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens spent, as the model's provider counts them."""

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
    """Return the usage that a decoded `TokenUsageBreakdown` holds; missing counts are 0."""
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
    """Why a turn failed.

    Attributes:
        message: Codex's words.
        info: Codex's `codexErrorInfo`: a word, an object with one key, or None.
        will_retry: Whether Codex goes on by itself.
        details: Codex's `additionalDetails`.
    """

    message: str
    info: object = None
    will_retry: bool = False
    details: str | None = None


def parse_error(raw: object, *, will_retry: bool = False) -> TurnError | None:
    """Return the error that a decoded `TurnError` holds; None for null."""
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
    """A notification about a thread; the base of the known kinds, and itself the unknown one.

    Attributes:
        method: Codex's name of the notification.
        params: Its fields.
    """

    method: str
    params: Fields

    @property
    def thread_id(self) -> str:
        """The thread it is about; empty when it is about none."""
        return str(self.params.get("threadId", ""))

    @property
    def turn_id(self) -> str:
        """The turn it is about; empty when it is about none."""
        turn = object_of(self.params.get("turn"))
        return str(turn.get("id", "") if turn else self.params.get("turnId", ""))


class ConnectionLost(Event):
    """The app-server is gone: no further event comes. Made here, not by Codex."""

    __slots__ = ("reason",)

    def __init__(self, reason: AppServerClosedError) -> None:
        super().__init__("connection/lost", {})
        object.__setattr__(self, "reason", reason)

    reason: AppServerClosedError


class UnknownEvent(Event):
    """A notification without a type of its own here."""


class TurnStarted(Event):
    """A turn began."""


class ItemStarted(Event):
    """An item began."""

    @property
    def item(self) -> Item:
        """The item as far as it is known."""
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
    """The tokens that the thread has spent so far."""

    @property
    def total(self) -> TokenUsage:
        """Since the thread began."""
        return parse_usage(self._usage().get("total"))

    @property
    def last(self) -> TokenUsage:
        """In the last answer of the model."""
        return parse_usage(self._usage().get("last"))

    def _usage(self) -> Fields:
        return object_of(self.params.get("tokenUsage"))


class ErrorReported(Event):
    """Something went wrong; a retry may follow."""

    @property
    def error(self) -> TurnError:
        """What went wrong."""
        will_retry = self.params.get("willRetry") is True
        error = parse_error(self.params.get("error"), will_retry=will_retry)
        return error or TurnError("unknown error", will_retry=will_retry)


class TurnCompleted(Event):
    """A turn ended, well or not."""

    @property
    def status(self) -> TurnStatus:
        """How it ended. A word that is not known here counts as failed."""
        return parse_turn_status(self._turn().get("status"))

    @property
    def error(self) -> TurnError | None:
        """Why it failed; None when it did not."""
        return parse_error(self._turn().get("error"))

    def _turn(self) -> Fields:
        return object_of(self.params.get("turn"))


def parse_turn_status(raw: object) -> TurnStatus:
    """Return the status that a word names; a word not known here counts as failed."""
    try:
        return TurnStatus(str(raw))
    except ValueError:
        return TurnStatus.FAILED


def final_message(before: str, item: Item) -> str:
    """Return the final message of a turn as it stands with one more of its items.

    What the model said before it went on to use a tool was commentary, not its answer.

    Args:
        before: The final message so far.
        item: A completed message, or an item of another kind that started.
    """
    if isinstance(item, AgentMessage):
        return item.text
    return before if item.type in _QUIET_ITEMS else ""


_QUIET_ITEMS = frozenset({"userMessage", "reasoning", "plan", "hookPrompt", "contextCompaction"})


def last_message_of(turn: Fields) -> str:
    """Return the final message among a turn's items; empty without one."""
    return reduce(final_message, map(parse_item, list_of(turn.get("items"))), "")


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
