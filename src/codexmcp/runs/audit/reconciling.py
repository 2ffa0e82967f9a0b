"""Brings the audit files of runs in line with the store, after a kill between two writes."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from codexmcp.errors import AuditError
from codexmcp.jsonvalues import text_of
from codexmcp.runs.audit.folders import opened
from codexmcp.runs.audit.index import entries
from codexmcp.runs.audit.names import (
    ACTIVE,
    POINTER_INDEX,
    PROJECT_INDEX,
    active_file,
    events_file,
    summary_file,
)
from codexmcp.runs.audit.reading import last_records
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import is_in_use
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.run import Run


def reconcile(runs: Sequence[Run], *, pointer_dir: Path, redactor: Redactor) -> list[str]:
    """Add missing facts of the store to the files of runs.

    An active run of a dead owner gets the line of its state: the state is the reason why the run
    counts as sent. Files with a living writer, and deleted files, are left alone.

    Args:
        runs: Runs without an owner at work, from the store.
        pointer_dir: The folder of the index of all projects.
        redactor: Removes secrets from all written text.

    Returns:
        The ids of the corrected runs.
    """
    ids = {run.id for run in runs if run.state.is_over}
    told = _statuses(pointer_dir, POINTER_INDEX, ids)
    folders = {run.request.audit_dir for run in runs}
    told_in = {each: _statuses(Path(each), PROJECT_INDEX, ids) for each in folders}
    wrong = [run for run in runs if not _is_right(run, [told, told_in[run.request.audit_dir]])]
    for run in wrong:
        trail = AuditTrail.reopen(run, pointer_dir=pointer_dir, redactor=redactor)
        with contextlib.closing(trail):
            trail.state(run)
    return [run.id for run in wrong]


def _is_right(run: Run, indexes: Sequence[Mapping[str, str]]) -> bool:
    """Return whether the files of a run have its ending, or must not be touched."""
    folder = Path(run.request.audit_dir)
    try:
        if not (folder / events_file(run.id)).is_file():
            return True
        with opened(folder) as descriptor:
            if is_in_use(descriptor, run.id):
                return True
        states = (text_of(record.get("state")) for record in last_records(folder, run.id))
        last = next((state for state in states if state is not None), None)
    except (OSError, AuditError):
        return True
    if not run.state.is_over:
        return last == run.state
    return (
        last == run.state
        and all(index.get(run.id) == run.state for index in indexes)
        and (folder / summary_file(run.id)).exists()
        and not (folder / ACTIVE / active_file(run.id)).exists()
    )


def _statuses(folder: Path, name: str, ids: Collection[str]) -> dict[str, str]:
    """Return the last status of some runs in an index."""
    found: dict[str, str] = {}
    for entry in entries(folder, name):
        if len(found) == len(ids):
            break
        if entry.run_id in ids:
            found.setdefault(entry.run_id, entry.status)
    return found
