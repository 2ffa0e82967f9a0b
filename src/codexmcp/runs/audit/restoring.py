"""A run, read from its file of events.

The file has enough facts for a new store. A run without an end in its records is lost, or
interrupted if never begun.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codexmcp.jsonvalues import integer_of, is_object, text_of
from codexmcp.runs.audit.index import unix_time
from codexmcp.runs.audit.lines import Record
from codexmcp.runs.audit.reading import is_header, last_records, read_records
from codexmcp.runs.states import RunState

CUT_SHORT = "the records of this run end before the run did"
UNBEGUN = "the records of this run end before it began"


def read_fields(folder: Path, run_id: str) -> dict[str, Any] | None:
    """Return the fields of a run, for `RunStore.restore`.

    Args:
        folder: Folder of the audit files.
        run_id: The run.

    Returns:
        The fields. None: the file has no header of ours.

    Raises:
        OSError: The file cannot be read.
    """
    header = next(iter(read_records(folder, run_id)), None)
    if header is None or not is_header(header) or not is_object(header.get("request")):
        return None
    last = {}
    at = None
    for record in last_records(folder, run_id):
        at = at if at is not None else unix_time(record.get("at"))
        if text_of(record.get("state")) is not None:
            last = record
            break
    return fields_of(run_id, folder, header, last, at)


def fields_of(
    run_id: str, folder: Path, header: Record, last: Record, at: float | None
) -> dict[str, Any]:
    """Return the fields of a run from its header and its last state.

    Args:
        run_id: The run.
        folder: The present folder of the audit files, possibly moved since the run's beginning.
        header: The first line of the file.
        last: The last line with a state; empty without such a line.
        at: Time of the last line of all, in seconds. None: unknown.
    """
    created = unix_time(header.get("createdAt")) or 0.0
    request = {"prompt": "", "cwd": "", **header["request"], "audit_dir": str(folder)}
    state, reason = _ending(last)
    return {
        "id": run_id,
        "request": request,
        "state": state.value,
        "group": text_of(header.get("group")) or "",
        "key": text_of(header.get("key")) or str(request["cwd"]),
        "priority": integer_of(header.get("priority")) or 0,
        "created_at": created,
        "started_at": unix_time(last.get("startedAt")),
        "ended_at": unix_time(last.get("endedAt")) or at or created,
        "owner": text_of(last.get("owner")),
        "attempt": integer_of(last.get("attempt")) or 0,
        "thread_id": text_of(last.get("threadId")),
        "turn_id": text_of(last.get("turnId")),
        "reason": reason,
        "message": text_of(last.get("message")) or "",
    }


def _ending(last: Record) -> tuple[RunState, str]:
    try:
        state = RunState(str(last.get("state") or RunState.QUEUED))
    except ValueError:
        # A state of a later version.
        state = RunState.LOST
    reason = text_of(last.get("reason")) or ""
    if state.is_over:
        return state, reason
    if state is not RunState.QUEUED:
        return RunState.LOST, CUT_SHORT
    return RunState.INTERRUPTED, CUT_SHORT if integer_of(last.get("attempt")) else UNBEGUN
