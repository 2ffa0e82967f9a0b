"""Collects runs from audit folders, for a store without these runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from codexmcp.errors import AuditError
from codexmcp.runs.audit import files
from codexmcp.runs.audit.folders import opened
from codexmcp.runs.audit.index import IndexEntry, entries
from codexmcp.runs.audit.names import POINTER_INDEX, PROJECT_INDEX, events_file, run_of_file
from codexmcp.runs.audit.restoring import read_fields
from codexmcp.runs.audit.sidecar import sidecar_fields


def audit_folders(pointer_dir: Path, given: Iterable[Path] = ()) -> list[Path]:
    """Return the possible folders of audit files, without duplicates.

    Args:
        pointer_dir: The folder of the index of all projects, with most of the folders.
        given: Other folders.
    """
    named = (entry.audit_dir for entry in entries(pointer_dir, POINTER_INDEX))
    return list(dict.fromkeys([*given, *(Path(each) for each in named if each)]))


def runs_in(folder: Path) -> list[str]:
    """Return the ids of the runs with events in a folder; empty for an unreadable folder."""
    try:
        with opened(folder) as descriptor:
            names = sorted(os.listdir(descriptor))  # noqa: PTH208 - a descriptor has no path
    except OSError:
        return []
    return [run_id for run_id in map(run_of_file, names) if run_id is not None]


def is_in_use(folder: int, run_id: str) -> bool:
    """Return whether a living process writes the files of a run.

    Args:
        folder: Descriptor of the folder of the audit files.
        run_id: The run.
    """
    try:
        descriptor = files.open_for_reading(folder, events_file(run_id))
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def scan(folders: Iterable[Path], *, group: str = "") -> Iterator[dict[str, Any]]:
    """Yield the fields of each run in some folders, for `RunStore.restore`.

    A run with a living writer is left out, and so is an unreadable file.

    Args:
        folders: Folders of audit files.
        group: The group for runs without a group in their files.
    """
    for folder in folders:
        known: dict[str, IndexEntry] | None = None
        for run_id in runs_in(folder):
            with contextlib.suppress(OSError, AuditError), opened(folder) as descriptor:
                if is_in_use(descriptor, run_id):
                    continue
                fields = read_fields(folder, run_id)
                if fields is None:
                    known = _indexed(folder) if known is None else known
                    fields = sidecar_fields(folder, run_id, known.get(run_id))
                yield {**fields, "group": fields["group"] or group}


def _indexed(folder: Path) -> dict[str, IndexEntry]:
    """Return the last entry of each run in the project's index."""
    known: dict[str, IndexEntry] = {}
    for entry in entries(folder, PROJECT_INDEX):
        known.setdefault(entry.run_id, entry)
    return known
