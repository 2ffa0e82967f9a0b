"""How a turn of a conversation has ended, as values. Pure but for the check of an output schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.events import TurnStatus
from codexmcp.codex.key_proxy import explained
from codexmcp.codex.turns import TurnResult
from codexmcp.data_classes import dataclass
from codexmcp.policy import extras

INTERRUPTED = "the turn was interrupted"
"""The fault of a turn that somebody interrupted."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn of a conversation has ended.

    Attributes:
        result: The end of the turn.
        duration_ms: How long it took.
        output: The value that its message holds, for a turn with an output schema.
        fault: Why there is no good answer; empty when there is one.
        failure_cause: What the key proxy has to say about it; empty for nothing.
        notes: What was done to the thread beside the turn.
    """

    result: TurnResult
    duration_ms: int
    output: object = None
    fault: str = ""
    failure_cause: str = ""
    notes: tuple[str, ...] = ()

    @property
    def explanation(self) -> str:
        """Why there is no good answer, with the cause that only the key proxy knows."""
        return explained(self.fault, self.failure_cause) if self.fault else ""


def read_answer(result: TurnResult, schema: Mapping[str, Any] | None) -> tuple[object, str]:
    """Return the value of the final message, and why there is no good answer."""
    if result.status is TurnStatus.INTERRUPTED:
        return None, INTERRUPTED
    if result.status is not TurnStatus.COMPLETED:
        return None, result.error.message if result.error else "the turn failed without a reason"
    if schema is None:
        return None, ""
    output, fault = extras.read_output(schema, result.last_message)
    return output, "" if fault is None else f"{fault}; the answer was: {result.last_message}"
