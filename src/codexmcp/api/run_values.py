"""Options, status, events and result of a supervised run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from codexmcp.api.events import QuestionAsked, Status, TurnEnded, TurnEvent, narrate
from codexmcp.api.options import ApprovalPolicy, SandboxMode
from codexmcp.api.results import Result, TurnWork
from codexmcp.appserver.events import TokenUsage
from codexmcp.data_classes import dataclass
from codexmcp.errors import DeadlineError, RunLostError, TurnFailedError
from codexmcp.jsonvalues import object_of, text_of, without_nulls
from codexmcp.policy import extras
from codexmcp.runs.audit.following import EventFile
from codexmcp.runs.audit.reading import decode, event_of
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState


class RunOptions(TypedDict, total=False):
    """Options of a run. Missing ones come from the settings and Codex's configuration.

    cwd: The working folder; a relative path starts at the working directory.
    sandbox: Permissions of commands: `read-only`, `workspace-write` or `danger-full-access`.
    approval_policy: `on-request`, or `never`, the default.
    model: The model.
    effort: The reasoning effort, such as `low`.
    profile: A profile of the Codex home; new runs only.
    timeout_s: Bound on the work, in seconds.
    output_schema: JSON Schema of an object; the final message must match.
    images: Images of the prompt.
    name: A title for people.
    retries: Number of automatic continuations of a lost run; new runs only.
    idempotency_key: A second start with the same key returns the first run; new runs only.
    """

    cwd: str | Path
    sandbox: SandboxMode
    approval_policy: ApprovalPolicy
    model: str
    effort: str
    profile: str
    timeout_s: float
    output_schema: Mapping[str, Any]
    images: Sequence[str | Path]
    name: str
    retries: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Status of a run.

    Attributes:
        run_id: Its id.
        state: `queued`, `starting`, `running`, `waiting_for_approval`, `completed`, `failed`,
            `interrupted`, `timed_out` or `lost`.
        title: Its name, or the beginning of the prompt.
        thread_id: Its thread. None: not loaded yet.
        reason: Reason of the end or of a wait; may be empty.
        last_step: Latest step; may be empty.
        usage: Tokens so far.
        is_over: True after the end of the run.
    """

    run_id: str
    state: str
    title: str
    thread_id: str | None
    reason: str
    last_step: str
    usage: TokenUsage
    is_over: bool


def params_of(prompt: str, options: RunOptions) -> dict[str, Any]:
    """Return the parameters of a start.

    Raises:
        TypeError: An option is unknown.
    """
    given: dict[str, Any] = {**options}
    if unknown := sorted(given.keys() - RunOptions.__annotations__):
        expected = ", ".join(sorted(RunOptions.__annotations__))
        raise TypeError(f"unexpected option {', '.join(unknown)}; the options are {expected}")
    if "cwd" in given:
        given["cwd"] = os.path.abspath(given["cwd"])  # noqa: PTH100 - links stay
    if "images" in given:
        given["images"] = [os.path.realpath(each) for each in given["images"]]
    timeout_s = given.pop("timeout_s", None)
    given["timeout_ms"] = None if timeout_s is None else round(timeout_s * 1000)
    given["run_name"] = given.pop("name", None)
    return {"prompt": prompt, **without_nulls(given)}


def info_of(run: Run) -> RunInfo:
    """Return the status of a run."""
    progress = run.progress
    return RunInfo(
        run.id,
        str(run.state),
        run.title,
        run.thread_id,
        run.reason,
        progress.last_step,
        progress.usage,
        run.state.is_over,
    )


def question_of(fields: Mapping[str, Any]) -> QuestionAsked:
    """Return a question from a supervisor's list."""
    return QuestionAsked(
        question_id=text_of(fields.get("approvalId")) or "",
        kind=text_of(fields.get("kind")) or "",
        text=text_of(fields.get("question")) or "",
        form=object_of(fields.get("requestedSchema")) or None,
        url=text_of(fields.get("url")),
        agent=text_of(fields.get("agent")) or "",
    )


def events_of(line: bytes) -> list[TurnEvent]:
    """Return the events in a line of a run's file of events; a line of our own has none."""
    record = decode(line)
    event = None if record is None else event_of(record)
    if record is None or event is None:
        return []
    return list(narrate(event, text_of(record.get("agent")) or ""))


def end_of(run: Run) -> TurnEnded:
    """Return the last event of an ended run."""
    status: Status = "failed"
    if run.state is RunState.COMPLETED:
        return TurnEnded("completed")
    if run.state is RunState.INTERRUPTED:
        status = "interrupted"
    return TurnEnded(status, run.reason or str(run.state))


def result_of(run: Run) -> Result:
    """Return the result of an ended run.

    Raises:
        TurnFailedError: The run failed.
        DeadlineError: The run reached its bound.
        RunLostError: The run was cut off.
    """
    thread_id = run.thread_id or ""
    match run.state:
        case RunState.FAILED:
            raise TurnFailedError(thread_id, run.reason)
        case RunState.TIMED_OUT:
            raise DeadlineError(run.reason)
        case RunState.LOST:
            raise RunLostError(f"run {run.id} was lost: {run.reason}")
        case _:
            pass
    work = TurnWork()
    file = EventFile(Path(run.request.audit_dir), run.id)
    try:
        for line in file.new_lines():
            for event in events_of(line):
                work.note(event)
    except OSError:
        # Deleted or unreadable audit files: the store has the rest of the result.
        pass
    finally:
        file.close()
    schema = run.request.output_schema
    began, ended = run.started_at or run.created_at, run.ended_at or run.created_at
    return Result(
        message=run.message,
        thread_id=thread_id,
        status="completed" if run.state is RunState.COMPLETED else "interrupted",
        output=None if schema is None else extras.read_output(schema, run.message)[0],
        usage=run.progress.usage,
        commands=tuple(work.commands),
        files=tuple(work.files),
        notes=(run.reason,) if run.reason else (),
        duration_s=max(ended - began, 0.0),
        run_id=run.id,
    )
