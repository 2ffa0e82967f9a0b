"""What each step of a store makes of a run: the rules that all stores share.

Pure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codexmcp.errors import StateError
from codexmcp.jsonvalues import integer_of, text_of
from codexmcp.runs.run import Run, RunRequest, Submission, is_run_id
from codexmcp.runs.states import OVER, RunState, may_change
from codexmcp.runs.store import Change

_CHANGED = ("thread_id", "turn_id", "reason", "message", "started_at", "ended_at", "progress")
_TOO_LARGE = 2**63


def queued(submission: Submission, sequence: int) -> Run:
    """Return the run that a submission becomes."""
    return Run(
        id=submission.id,
        sequence=sequence,
        # By way of JSON, so that whoever handed it in cannot change it any more.
        request=RunRequest.from_json(json.loads(json.dumps(submission.request.to_json()))),
        state=RunState.QUEUED,
        group=submission.group,
        key=submission.key or submission.request.cwd,
        priority=submission.priority,
        created_at=submission.created_at,
        thread_id=submission.thread_id,
    )


def claimed(run: Run, owner: str, now: float) -> Run:
    """Return a queued run as it is once an owner has taken it."""
    return replace(
        run,
        state=RunState.STARTING,
        owner=owner,
        attempt=run.attempt + 1,
        started_at=now,
        turn_id=None,
    )


def changed(run: Run, to: RunState, change: Change, owner: str | None) -> Run:
    """Return a run after a change.

    Args:
        run: As it is.
        to: The new state.
        change: What else changes.
        owner: Who must own the run; None for anyone.

    Raises:
        StateError: The run may not go there, or has another owner.
    """
    if owner is not None and run.owner != owner:
        raise StateError(
            f"run {run.id} belongs to {run.owner or 'nobody'} and not to {owner}:"
            " leave it to its owner"
        )
    if run.state is not to and not may_change(run.state, to):
        raise StateError(
            f"run {run.id} is {run.state} and cannot become {to}: look at the run again"
        )
    given = {name: getattr(change, name) for name in _CHANGED}
    after = replace(run, state=to, **{k: value for k, value in given.items() if value is not None})
    return replace(after, ended_at=None) if to is RunState.QUEUED else after


def unknown(run_id: str) -> StateError:
    """Return the error for a change of a run that is not there."""
    return StateError(f"there is no run {run_id}: list the runs to see which there are")


def restored(fields: Mapping[str, Any]) -> Run | None:
    """Return the ended run that audit files tell of, with the sequence 0.

    Args:
        fields: As `RunStore.restore` takes them.

    Returns:
        None when they are not those of an ended run.
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
    )


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = integer_of(fields.get(name)) or 0
    # What no store could keep comes from a damaged file, and must not stop the others.
    return value if abs(value) < _TOO_LARGE else 0


def _time(fields: Mapping[str, Any], name: str) -> float | None:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
