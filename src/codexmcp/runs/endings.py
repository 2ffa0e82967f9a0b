"""The ending of a run, from the result of its turn.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from codexmcp.appserver.events import (
    TurnStatus,
    parse_error,
    parse_turn_status,
)
from codexmcp.appserver.final_answer import last_message_of
from codexmcp.appserver.tool_call_counts import is_failure
from codexmcp.codex.turns import TurnResult
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import AppServerClosedError, CodexMCPError, DeadlineError, WorkError
from codexmcp.jsonvalues import integer_of, list_of, object_of, text_of
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change

CheckOutput = Callable[[Mapping[str, Any], str], str | None]
"""Returns the defect of a final message under a JSON Schema. None: valid."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The ending of a run.

    Attributes:
        state: The last state.
        reason: The cause; empty without a cause.
        message: The final message.
        turn_id: The run's turn. None: not found.
        is_on_record: Codex has recorded the prompt, so a lost run can continue.
    """

    state: RunState
    reason: str = ""
    message: str = ""
    turn_id: str | None = None
    is_on_record: bool = False

    def change_of(self, run: Run, now: float) -> tuple[RunState, Change]:
        """Return the next state of a run and its other changes; a lost run may be retried.

        Args:
            run: The active run.
            now: Unix time, in seconds.
        """
        change = Change(turn_id=self.turn_id, reason=self.reason, message=self.message)
        if self.state is RunState.LOST and self.is_on_record and run.may_retry:
            retry = replace(change, reason=f"again: {self.reason}", is_retry=True)
            return RunState.QUEUED, retry
        return self.state, replace(change, ended_at=now)


def of_result(
    result: TurnResult, remark: str, schema: Mapping[str, Any] | None, check: CheckOutput
) -> Ending:
    """Return the ending of a run after the end of its turn.

    Args:
        result: The result of the turn.
        remark: A failure hidden by a good ending.
        schema: Schema of the final message. None: any message.
        check: Checks the message against the schema.
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
    """Return the result of an app-server's death before anything was sent to the model.

    Args:
        error: The cause of death.
        again: The run may wait for another try.
    """
    if again:
        return Ending(RunState.QUEUED, f"{error}; nothing was sent, and it is started again")
    return Ending(RunState.FAILED, f"{error}; nothing was sent: start a new run")


def failure_of(state: RunState, reason: str) -> WorkError | None:
    """Return the failure of an ended run; None after success.

    Args:
        state: The last state.
        reason: The cause of the ending; for a completed run, a remark.
    """
    if state is RunState.COMPLETED and not is_failure(reason):
        return None
    return WorkError(f"{state}: {reason}" if reason else str(state))


def of_error(error: CodexMCPError) -> Ending:
    """Return the ending of a run after an error."""
    if isinstance(error, DeadlineError):
        return Ending(RunState.TIMED_OUT, str(error))
    return Ending(RunState.FAILED, str(error))


def lost(cause: str, turn_id: str | None, *, is_on_record: bool, has_thread: bool) -> Ending:
    """Return the ending of a run with a possibly sent prompt and a turn without an end.

    Args:
        cause: The cause of the interruption.
        turn_id: The turn. None: no trace of a turn, which proves nothing.
        is_on_record: Codex has recorded the prompt.
        has_thread: Codex can continue the thread.
    """
    if is_on_record:
        reason = f"{cause}; the run can be resumed"
        return Ending(RunState.LOST, reason, turn_id=turn_id, is_on_record=True)
    doubt = "its turn had begun" if turn_id else "it cannot be told whether it was sent"
    remedy = "resume it" if has_thread else "start a new run: this one cannot be resumed"
    reason = f"{cause}; {doubt}, and Codex has no record of its prompt. See what is done, then "
    reason += remedy
    return Ending(RunState.LOST, reason, turn_id=turn_id)


def recorded(
    thread: Mapping[str, Any], turn_id: str | None, prompt: str, since: float
) -> Mapping[str, Any] | None:
    """Return the turn of a run from Codex's records; None without a record.

    Args:
        thread: The thread with its turns, from `thread/read`.
        turn_id: The turn's id. None: the last turn with the prompt.
        prompt: The run's prompt.
        since: Earliest Unix time of the turn's beginning: an earlier run on the thread may have had
            the same prompt. Source: Codex reports the times of turns in whole seconds.
    """
    turns: list[dict[str, Any]] = [object_of(each) for each in list_of(thread.get("turns"))]
    for turn in reversed(turns):
        if turn.get("id") == turn_id if turn_id else _may_be(turn, prompt, int(since)):
            found: Mapping[str, Any] = turn
            return found
    return None


def has_prompt(turn: Mapping[str, Any], prompt: str) -> bool:
    """Return whether a turn in Codex's records has a prompt.

    Source: for some milliseconds a recorded turn lacks its prompt (seen on 0.163.0).
    """
    return prompt in _prompts_of(turn)


def of_record(turn: Mapping[str, Any]) -> Ending | None:
    """Return the ending in Codex's records; None if unknown.

    Source: a turn of a dead app-server is also recorded as interrupted, but without the time of the
    end (measured on 0.153.4, 0.163.0 and 0.169.0).
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
    return has_prompt(turn, prompt) and (started_at is None or started_at >= since)


def _prompts_of(turn: Mapping[str, Any]) -> list[str]:
    items = [object_of(item) for item in list_of(turn.get("items"))]
    contents = [list_of(item.get("content")) for item in items if item.get("type") == "userMessage"]
    texts = [text_of(object_of(part).get("text")) for content in contents for part in content]
    return [text for text in texts if text is not None]
