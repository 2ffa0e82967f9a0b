"""Builders for tests of the stores of runs."""

from __future__ import annotations

from typing import Any

from codexmcp.runs.run import Run, RunRequest, Submission
from codexmcp.runs.states import RunState
from codexmcp.runs.store import BlockingStore, Limits

AMPLE = Limits(total=1000, per_key=1000)


def submission(run_id: str, *, cwd: str = "/w", prompt: str = "do it", **more: Any) -> Submission:
    """Return a submission to the group `g` at the time 100, unless said otherwise."""
    request = RunRequest(prompt=prompt, cwd=cwd, audit_dir="/a")
    return Submission(run_id, request, **{"group": "g", "created_at": 100.0, **more})


def ended(run_id: str, *, created_at: float = 1.0, **more: Any) -> dict[str, Any]:
    """Return the fields of an ended run, as audit files tell them."""
    request = {"prompt": "do it", "cwd": "/w", "audit_dir": "/a"}
    fields = {"id": run_id, "state": "completed", "created_at": created_at, "request": request}
    return {**fields, "group": "g", **more}


def claim(
    store: BlockingStore, owner: str = "o", limits: Limits = AMPLE, now: float = 200.0
) -> Run:
    """Claim the next run of the group `g`, which must be there."""
    run = store.claim(owner, "g", limits, now)
    assert run is not None
    return run


def running(store: BlockingStore, run_id: str, owner: str = "o", **more: Any) -> Run:
    """Add a run, claim it and let it run; nothing else may be waiting."""
    store.add(submission(run_id, **more))
    assert claim(store, owner).id == run_id
    return store.change(run_id, RunState.RUNNING)
