"""How a run has ended, from what its turn came to.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codexmcp.appserver.events import (
    TurnStatus,
    last_message_of,
    parse_error,
    parse_turn_status,
)
from codexmcp.appserver.turns import TurnResult
from codexmcp.errors import AppServerClosedError, CodexMCPError, DeadlineError
from codexmcp.jsonvalues import integer_of, list_of, object_of, text_of
from codexmcp.runs.states import RunState

CheckOutput = Callable[[Mapping[str, Any], str], str | None]
"""Returns what is wrong with a final message under a JSON Schema; None when nothing is."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run has ended.

    Attributes:
        state: Its last state.
        reason: Why; empty when there is nothing to say.
        message: The final message.
    """

    state: RunState
    reason: str = ""
    message: str = ""


def of_result(
    result: TurnResult, remark: str, schema: Mapping[str, Any] | None, check: CheckOutput
) -> Ending:
    """Return the ending of a run whose turn has ended.

    Args:
        result: How the turn ended.
        remark: What a good ending hides.
        schema: What the final message must fit; None for anything.
        check: Holds it to that.
    """
    match result.status:
        case TurnStatus.COMPLETED:
            fault = None if schema is None else check(schema, result.message)
            if fault is not None:
                return Ending(RunState.FAILED, fault, result.message)
            return Ending(RunState.COMPLETED, remark, result.message)
        case TurnStatus.INTERRUPTED:
            return Ending(RunState.INTERRUPTED, "the turn was interrupted", result.message)
        case _:
            text = result.error.message if result.error else "the turn failed without a reason"
            return Ending(RunState.FAILED, text, result.message)


def of_start(error: AppServerClosedError, *, again: bool) -> Ending:
    """Return what becomes of a run whose app-server died before anything was sent to the model.

    Args:
        error: How it died.
        again: Whether the run may wait for another try.
    """
    if again:
        return Ending(RunState.QUEUED, f"{error}; nothing was sent yet, and it starts anew")
    return Ending(RunState.FAILED, f"{error}; nothing was sent: start it anew with codex_run")


def of_error(error: CodexMCPError, trouble: str = "") -> Ending:
    """Return the ending of a run that an error ended.

    Args:
        error: The error.
        trouble: What the key proxy has to say; empty for nothing.
    """
    if isinstance(error, DeadlineError):
        return Ending(RunState.TIMED_OUT, str(error))
    if isinstance(error, AppServerClosedError):
        cause = f" (the key proxy: {trouble})" if trouble else ""
        return Ending(RunState.LOST, f"{error}{cause}; the run can be resumed")
    return Ending(RunState.FAILED, str(error))


def recorded(
    thread: Mapping[str, Any], turn_id: str | None, prompt: str, since: float
) -> Mapping[str, Any] | None:
    """Return the turn of a run, as Codex has recorded it; None when it has not.

    Args:
        thread: The thread with its turns, as `thread/read` tells it.
        turn_id: The turn's id; None looks for the last turn that was given the prompt.
        prompt: The run's prompt.
        since: Unix time before which it cannot have begun: an earlier run on the thread may have
            had the same prompt. Source: Codex tells the times of turns in whole seconds.
    """
    turns: list[dict[str, Any]] = [object_of(each) for each in list_of(thread.get("turns"))]
    for turn in reversed(turns):
        if turn.get("id") == turn_id if turn_id else _may_be(turn, prompt, int(since)):
            found: Mapping[str, Any] = turn
            return found
    return None


def of_record(turn: Mapping[str, Any]) -> Ending | None:
    """Return the ending that Codex has recorded; None when it is not known.

    Source: a turn whose app-server died is recorded as interrupted too, but without the time of
    its end (measured on 0.153.4, 0.163.0 and 0.169.0).
    """
    status = parse_turn_status(turn.get("status", TurnStatus.IN_PROGRESS))
    if status is TurnStatus.COMPLETED:
        return Ending(RunState.COMPLETED, "", last_message_of(turn))
    if status is TurnStatus.FAILED:
        error = parse_error(turn.get("error"))
        text = error.message if error else "the turn failed without a reason"
        return Ending(RunState.FAILED, text, last_message_of(turn))
    if status is TurnStatus.INTERRUPTED and turn.get("completedAt") is not None:
        return Ending(RunState.INTERRUPTED, "the turn was interrupted", last_message_of(turn))
    return None


def _may_be(turn: Mapping[str, Any], prompt: str, since: int) -> bool:
    started_at = integer_of(turn.get("startedAt"))
    return prompt in _prompts_of(turn) and (started_at is None or started_at >= since)


def _prompts_of(turn: Mapping[str, Any]) -> list[str]:
    items = [object_of(item) for item in list_of(turn.get("items"))]
    contents = [list_of(item.get("content")) for item in items if item.get("type") == "userMessage"]
    texts = [text_of(object_of(part).get("text")) for content in contents for part in content]
    return [text for text in texts if text is not None]
