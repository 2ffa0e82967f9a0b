"""Runs as JSON for programs, in the spelling of the MCP tools. Pure.

The names are documented in docs/reference/run-json.md and stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codexmcp.runs.audit.names import events_file, stderr_file, summary_file
from codexmcp.runs.run import Run

_THREAD = {
    "model": "model",
    "sandbox": "sandbox",
    "permissions": "permissions",
    "approvalPolicy": "approvalPolicy",
}


def elapsed_s(run: Run, now: float) -> float | None:
    """Return the duration of a run in seconds; None before its start."""
    if run.started_at is None:
        return None
    is_under_way = run.state.is_active and run.ended_at is None
    end = now if is_under_way else run.ended_at
    # A run whose owner died has no end on record.
    return None if end is None else max(0.0, end - run.started_at)


def listed(run: Run, now: float) -> dict[str, Any]:
    """Return a run as an entry of a list.

    Args:
        run: The run.
        now: Unix time, in seconds.
    """
    elapsed = elapsed_s(run, now)
    return {
        "runId": run.id,
        "status": run.state.value,
        "title": run.title,
        "cwd": run.request.cwd,
        "threadId": run.thread_id,
        "createdAt": run.created_at,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "elapsedSeconds": None if elapsed is None else round(elapsed, 3),
        "totalTokens": run.progress.usage.total_tokens,
        "lastStep": run.progress.last_step,
        "reason": run.reason,
    }


def whole(run: Run, now: float) -> dict[str, Any]:
    """Return everything in the store about a run; see `listed`."""
    request = run.request
    return {
        **listed(run, now),
        "name": request.name,
        "prompt": request.prompt,
        "message": run.message,
        "turnId": run.turn_id,
        "attempt": run.attempt,
        "priority": run.priority,
        "events": run.progress.events,
        "usage": run.progress.usage.to_json(),
        **{name: request.thread.get(key) for name, key in _THREAD.items()},
        "effort": request.effort,
        "timeoutSeconds": request.timeout_s,
        "continues": request.continues,
        "forks": request.forks,
        "files": files(run),
    }


def files(run: Run) -> dict[str, str]:
    """Return the paths of a run's audit files, whether they are there or not."""
    folder = Path(run.request.audit_dir)
    return {
        "events": str(folder / events_file(run.id)),
        "summary": str(folder / summary_file(run.id)),
        "stderr": str(folder / stderr_file(run.id)),
    }
