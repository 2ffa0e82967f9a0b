"""Finds the audit files of a run unknown to the store, for people.

For reading only: commands in a sandbox can write such files. Actions on a run and continued
conversations use the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.errors import AuditError
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs.audit.index import entries
from codexmcp.runs.audit.lines import Record
from codexmcp.runs.audit.names import POINTER_INDEX, check_run_id, events_file


def find_folder(run_id: str, *, pointer_dir: Path, audit_dirs: Iterable[Path] = ()) -> Path | None:
    """Return the folder of a run's audit files; None if unknown.

    Args:
        run_id: The run.
        pointer_dir: The folder of the index of all projects.
        audit_dirs: Folders of audit files to search first.
    """
    try:
        check_run_id(run_id)
    except AuditError:
        return None
    named = (
        each.audit_dir for each in entries(pointer_dir, POINTER_INDEX) if each.run_id == run_id
    )
    folders = [*audit_dirs, *(Path(folder) for folder in named if folder)]
    name = events_file(run_id)
    return next((folder for folder in folders if _is_file(folder / name)), None)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def thread_of(record: Record) -> tuple[str | None, str | None]:
    """Return the thread and the folder in a line of events; None for missing values.

    Understands our lines, notifications and answers of app-server, and the events of `codex exec
    --json`, directly or one level down.
    """
    inner = (object_of(record.get(name)) for name in ("event", "message", "msg", "payload"))
    thread: str | None = None
    cwd: str | None = None
    for each in (record, *inner):
        for part in (
            each,
            *(object_of(each.get(name)) for name in ("params", "result", "request")),
        ):
            of_thread = object_of(part.get("thread"))
            thread = thread or _text(part, "threadId", "thread_id") or _text(of_thread, "id")
            cwd = cwd or _text(part, "cwd") or _text(of_thread, "cwd")
    return thread, cwd


def _text(fields: Mapping[str, Any], *names: str) -> str | None:
    texts = (text_of(fields.get(name)) for name in names)
    return next((text for text in texts if text), None)
