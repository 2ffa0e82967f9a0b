"""Runs and events for tests of audit files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from codexmcp.appserver.events import Event, parse_event
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState


def a_run(cwd: Path = Path("/project"), run_id: str = "r-1", prompt: str = "do it") -> Run:
    """A queued run with its audit files at the default place."""
    request = RunRequest(prompt, str(cwd), str(default_audit_dir(cwd)))
    return Run(run_id, 1, request, RunState.QUEUED, "group", str(cwd), 0, 1_000.0)


def ended(run: Run, state: RunState = RunState.COMPLETED, message: str = "done") -> Run:
    """The run at its end."""
    return replace(
        run,
        state=state,
        attempt=1,
        thread_id=f"thread-of-{run.id}",
        turn_id="turn",
        started_at=1_001.0,
        ended_at=1_002.5,
        message=message,
    )


def running(run: Run) -> Run:
    """The run at work."""
    return replace(ended(run), state=RunState.RUNNING, ended_at=None, message="")


def open_trail(run: Run, pointer_dir: Path, *secrets: str) -> AuditTrail:
    """A new trail of the run."""
    return AuditTrail.open(run, pointer_dir=pointer_dir, redactor=Redactor(secrets))


def command(text: str = "echo hi", exit_code: int = 0, output: str = "hi\n") -> Event:
    """A command of Codex that ended."""
    item: dict[str, Any] = {
        "type": "commandExecution",
        "id": "call",
        "command": text,
        "status": "completed" if exit_code == 0 else "failed",
        "exitCode": exit_code,
        "aggregatedOutput": output,
        "durationMs": 1200,
    }
    return parse_event("item/completed", {"threadId": "t", "turnId": "u", "item": item})


def item(**fields: Any) -> Event:
    """Another item of Codex that ended."""
    return parse_event("item/completed", {"threadId": "t", "turnId": "u", "item": fields})
