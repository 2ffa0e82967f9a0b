"""Makes a store of runs anew from audit files, and settles those of runs that no store ever took.

Promises that every run it records is over: nothing here is ever started.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from codexmcp.runs import changes
from codexmcp.runs.audit.index import entries
from codexmcp.runs.audit.names import POINTER_INDEX
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import scan
from codexmcp.runs.audit.restoring import UNBEGUN
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.store import RunStore

NEVER_TAKEN = (
    "it never began: no store of runs has it, because whoever handed it in was killed before it "
    "was recorded, or because the store was lost; start it anew"
)

_BATCH = 200


def restore(
    store: RunStore, folders: Iterable[Path], *, pointer_dir: Path, group: str
) -> tuple[int, int]:
    """Restore the runs that audit files know and a store does not.

    Args:
        store: The store.
        folders: Folders of audit files.
        pointer_dir: The folder of the store, with the index of all projects.
        group: The group of runs whose files name none.

    Returns:
        How many runs the files know, and how many of them were restored.

    Raises:
        StoreError: The store cannot be written.
    """
    found = restored = 0
    handed_in = functools.cache(lambda: _handed_in(pointer_dir))
    for batch in _batches(scan(folders, group=group)):
        found += len(batch)
        for fields in batch:
            # Its writer let go of the file before it was read: a store that has no such run now
            # is not about to take it. One of another home may wait in the store of that.
            is_unbegun = fields["reason"] == UNBEGUN and store.get(fields["id"]) is None
            if is_unbegun and fields["id"] in handed_in():
                _settle(fields, pointer_dir)
        restored += store.restore(batch)
    return found, restored


def _handed_in(pointer_dir: Path) -> frozenset[str]:
    """Return the runs that were to be recorded in the store of a folder."""
    return frozenset(entry.run_id for entry in entries(pointer_dir, POINTER_INDEX))


def _settle(fields: dict[str, Any], pointer_dir: Path) -> None:
    """Write to the files of a run that nobody will ever begin that it is over, and why."""
    fields["reason"] = NEVER_TAKEN
    run = changes.restored(fields)
    if run is not None:
        # What its files hold is without secrets already.
        redactor = Redactor()
        with contextlib.closing(
            AuditTrail.reopen(run, pointer_dir=pointer_dir, redactor=redactor)
        ) as trail:
            trail.state(run)


def _batches(runs: Iterator[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := [dict(each) for each in islice(runs, _BATCH)]:
        yield batch
