"""A run of Codex MCP Sidecar, read from its files.

The file of events has no header, and no file has the prompt: the title takes its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codexmcp.appserver.events import (
    Event,
    TurnCompleted,
    TurnStatus,
)
from codexmcp.appserver.final_answer import FinalAnswer
from codexmcp.data_classes import dataclass, field
from codexmcp.runs.audit.finding import thread_of
from codexmcp.runs.audit.index import IndexEntry, unix_time
from codexmcp.runs.audit.names import events_file
from codexmcp.runs.audit.reading import event_of, read_records
from codexmcp.runs.audit.restoring import CUT_SHORT
from codexmcp.runs.states import RunState

_TURN_STATES = {
    TurnStatus.COMPLETED: RunState.COMPLETED,
    TurnStatus.INTERRUPTED: RunState.INTERRUPTED,
    TurnStatus.FAILED: RunState.FAILED,
}
# Possible words in the sidecar's index; the full list is undocumented.
_STATUSES = {
    **{state.value: state for state in RunState if state.is_over},
    "timeout": RunState.TIMED_OUT,
    "timedOut": RunState.TIMED_OUT,
    "error": RunState.FAILED,
    "cancelled": RunState.INTERRUPTED,
}


@dataclass(slots=True)
class _Told:
    """Facts from the events."""

    thread: str | None
    cwd: str | None
    started_at: float | None = None
    answer: FinalAnswer = field(default_factory=FinalAnswer)
    state: RunState | None = None

    def note(self, event: Event) -> None:
        self.answer = self.answer.after(event)
        if isinstance(event, TurnCompleted):
            self.state = _TURN_STATES.get(event.status, RunState.FAILED)


def sidecar_fields(folder: Path, run_id: str, entry: IndexEntry | None) -> dict[str, Any]:
    """Return the fields of a run, for `RunStore.restore`, without a group.

    Args:
        folder: Folder of the files.
        run_id: The run.
        entry: The run's entry in the project's index. None: no entry.

    Raises:
        OSError: The file of events cannot be read.
    """
    entry = entry or IndexEntry(run_id)
    told = _read(folder, run_id, entry)
    state = told.state or _STATUSES.get(entry.status, RunState.LOST)
    ended = entry.at or (folder / events_file(run_id)).stat(follow_symlinks=False).st_mtime
    cwd, title = told.cwd or str(folder), entry.title or run_id
    return {
        "id": run_id,
        "request": {"prompt": title, "cwd": cwd, "audit_dir": str(folder), "name": title},
        "state": state.value,
        "group": "",
        "key": cwd,
        "priority": 0,
        "created_at": told.started_at if told.started_at is not None else ended,
        "started_at": told.started_at,
        "ended_at": ended,
        "owner": None,
        "attempt": 1,
        "thread_id": told.thread,
        "turn_id": None,
        "reason": CUT_SHORT if state is RunState.LOST else "",
        "message": told.answer.text,
    }


def _read(folder: Path, run_id: str, entry: IndexEntry) -> _Told:
    told = _Told(entry.thread_id, entry.cwd)
    for record in read_records(folder, run_id):
        if not (told.thread and told.cwd):
            thread, cwd = thread_of(record)
            told.thread, told.cwd = told.thread or thread, told.cwd or cwd
        if told.started_at is None:
            told.started_at = unix_time(record.get("at"))
        event = event_of(record)
        if event is not None:
            told.note(event)
    return told
