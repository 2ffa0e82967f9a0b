"""Results of the steps of a store: rules common to all stores.

Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import replace
from codexmcp.errors import StateError
from codexmcp.jsonvalues import integer_of, text_of
from codexmcp.runs.run import Claim, Run, RunRequest, Submission, is_run_id
from codexmcp.runs.states import OVER, Phase, RunState, may_change, phase_in, phases_of
from codexmcp.runs.store import Change

_CHANGED = ("thread_id", "turn_id", "reason", "message", "started_at", "ended_at", "progress")
_TOO_LARGE = 2**63


def queued(submission: Submission, sequence: int) -> Run:
    """Return the new run of a submission."""
    return Run(
        id=submission.id,
        sequence=sequence,
        # By way of JSON, so later changes by the submitter have no effect.
        request=RunRequest.from_json(json.loads(json.dumps(submission.request.to_json()))),
        state=RunState.QUEUED,
        group=submission.group,
        key=submission.key or submission.request.cwd,
        priority=submission.priority,
        created_at=submission.created_at,
        thread_id=submission.thread_id,
    )


def claimed(run: Run, owner: str, now: float) -> Run:
    """Return a queued run after the claim by an owner."""
    return replace(
        run,
        state=RunState.STARTING,
        owner=owner,
        attempt=run.attempt + 1,
        started_at=now,
        turn_id=None,
        phase=Phase.CLAIMED,
    )


def changed(run: Run, to: RunState, change: Change, by: Claim | None) -> Run:
    """Return a run after a change.

    Args:
        run: The run before.
        to: The new state.
        change: Other changed fields.
        by: Required claim of the run. None: any.

    Raises:
        StateError: The transition is not allowed, or the claim differs.
    """
    if by is not None:
        _check_claim(run, by)
    if run.state is not to and not may_change(run.state, to):
        raise StateError(
            f"run {run.id} is {run.state} and cannot become {to}: look at the run again"
        )
    given = {name: getattr(change, name) for name in _CHANGED}
    fields = {name: value for name, value in given.items() if value is not None}
    fields["phase"] = _phase(run, to, change)
    if to is RunState.QUEUED:
        is_retry = change.is_retry or run.state is RunState.LOST
        fields |= {"ended_at": None, "retried": run.retried + is_retry}
    return replace(run, state=to, **fields)


def _check_claim(run: Run, by: Claim) -> None:
    if run.state is RunState.QUEUED or run.owner != by.owner:
        holder = None if run.state is RunState.QUEUED else run.owner
        raise StateError(
            f"run {run.id} belongs to {holder or 'nobody'} and not to {by.owner}:"
            " leave it to its owner"
        )
    if run.attempt != by.attempt:
        raise StateError(
            f"run {run.id} is in its attempt {run.attempt}, and attempt {by.attempt} is over:"
            " leave it to the later one"
        )


def _phase(run: Run, to: RunState, change: Change) -> Phase | None:
    """Return the phase after a change; within a state, the phase never goes back.

    Raises:
        StateError: The given phase does not fit.
    """
    given, possible = change.phase, phases_of(to)
    has_turn = run.turn_id is not None or change.turn_id is not None
    present = phase_in(to, run.phase, has_turn=has_turn)
    if given is None:
        return present
    if given not in possible or possible.index(given) < possible.index(present or given):
        raise StateError(
            f"run {run.id} is {to} ({present or 'no phase'}) and cannot be {given}:"
            " look at the run again"
        )
    return given


def unknown(run_id: str) -> StateError:
    """Return the error for a change of an unknown run."""
    return StateError(f"there is no run {run_id}: list the runs to see their ids")


def restored(fields: Mapping[str, Any]) -> Run | None:
    """Return the ended run described by audit files, with the sequence 0.

    Args:
        fields: Fields for `BlockingStore.restore`.

    Returns:
        None: not the fields of an ended run.
    """
    run_id, created_at = text_of(fields.get("id")), _time(fields, "created_at")
    if run_id is None or not is_run_id(run_id) or created_at is None:
        return None
    if (state := text_of(fields.get("state"))) not in OVER:
        return None
    try:
        request = RunRequest.from_json(fields.get("request"))
    except ValueError:
        return None
    return Run(
        id=run_id,
        sequence=0,
        request=request,
        state=RunState(state),
        group=text_of(fields.get("group")) or "",
        key=text_of(fields.get("key")) or request.cwd,
        priority=_count(fields, "priority"),
        created_at=created_at,
        started_at=_time(fields, "started_at"),
        ended_at=_time(fields, "ended_at"),
        owner=text_of(fields.get("owner")),
        attempt=_count(fields, "attempt"),
        thread_id=text_of(fields.get("thread_id")),
        turn_id=text_of(fields.get("turn_id")),
        reason=text_of(fields.get("reason")) or "",
        message=text_of(fields.get("message")) or "",
        phase=Phase.GIVEN_BACK,
    )


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = integer_of(fields.get(name)) or 0
    # A number too large for any store comes from a damaged file, and must not block the other runs.
    return value if abs(value) < _TOO_LARGE else 0


def _time(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
