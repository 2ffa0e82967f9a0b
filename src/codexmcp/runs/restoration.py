"""Rebuilds a store of runs from audit files, and brings audit files in line with a store.

Promises: every recorded run is over, so nothing is ever started here. The permissions and the
thread of a run come from Codex's records: audit files may be forged, and further claims are
reported and dropped.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass, field, replace
from codexmcp.runs import changes
from codexmcp.runs.audit.index import entries
from codexmcp.runs.audit.names import POINTER_INDEX
from codexmcp.runs.audit.reconciling import reconcile
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import runs_in, scan
from codexmcp.runs.audit.restoring import UNBEGUN
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.records import Homes, reduce_to_records
from codexmcp.runs.run import Run
from codexmcp.runs.store import BlockingStore

NEVER_TAKEN = (
    "it never began: no store has a record of it, because its client was killed before the record "
    "was written, or the store was lost; start a new run"
)

_BATCH = 200


@dataclass(slots=True)
class Restored:
    """The result of a restoration from audit files.

    Attributes:
        found: Number of runs in the files.
        restored: Number of runs that were new to the store.
        claims: Claims in the files of these runs without a record of Codex, as sentences.
    """

    found: int = 0
    restored: int = 0
    claims: list[str] = field(default_factory=list[str])


def restore(
    store: BlockingStore, folders: Iterable[Path], *, pointer_dir: Path, group: str, homes: Homes
) -> Restored:
    """Restore the runs that are in audit files and not in a store.

    Args:
        store: The store.
        folders: Folders of audit files.
        pointer_dir: The folder of the store, with the index of all projects.
        group: The group for runs without a group in their files.
        homes: The homes with Codex's records.

    Raises:
        StoreError: The store cannot be written.
    """
    told = Restored()
    handed_in = functools.cache(lambda: _handed_in(pointer_dir))
    for batch in _batches(scan(folders, group=group)):
        told.found += len(batch)
        for fields in batch:
            # The writer released the file before the read, so a store without the run now is not
            # about to record the run. A run of another home may wait in the store of that home.
            is_unbegun = fields["reason"] == UNBEGUN and store.get(fields["id"]) is None
            if is_unbegun and fields["id"] in handed_in():
                _settle(fields, pointer_dir)
            if store.get(fields["id"]) is None:
                told.claims += reduce_to_records(fields, homes)
        told.restored += store.restore(batch)
    return told


def reconcile_folders(
    store: BlockingStore, folders: Iterable[Path], *, pointer_dir: Path, redactor: Redactor
) -> int:
    """Bring audit files of ended runs in line with a store; return the number of changed runs.

    Files with a living writer are left alone, and so are the files of runs of another store.

    Args:
        store: The store.
        folders: Folders of audit files.
        pointer_dir: The folder of the store, with the index of all projects.
        redactor: Removes secrets from all written text.

    Raises:
        StoreError: The store cannot be read.
    """
    handed_in = _handed_in(pointer_dir)
    wrong = 0
    for folder in folders:
        known = (store.get(run_id) for run_id in runs_in(folder) if run_id in handed_in)
        over = [_moved_to(folder, run) for run in known if run is not None and run.state.is_over]
        wrong += len(reconcile(over, pointer_dir=pointer_dir, redactor=redactor))
    return wrong


def _moved_to(folder: Path, run: Run) -> Run:
    """Return a run with the present folder of its audit files, possibly moved meanwhile."""
    return replace(run, request=replace(run.request, audit_dir=str(folder)))


def _handed_in(pointer_dir: Path) -> frozenset[str]:
    """Return the runs submitted to the store of a folder."""
    return frozenset(entry.run_id for entry in entries(pointer_dir, POINTER_INDEX))


def _settle(fields: dict[str, Any], pointer_dir: Path) -> None:
    """Write the ending and its cause to the files of a run that will never begin."""
    fields["reason"] = NEVER_TAKEN
    run = changes.restored(fields)
    if run is not None:
        # The content of the files is already redacted.
        redactor = Redactor()
        with contextlib.closing(
            AuditTrail.reopen(run, pointer_dir=pointer_dir, redactor=redactor)
        ) as trail:
            trail.state(run)


def _batches(runs: Iterator[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := [dict(each) for each in islice(runs, _BATCH)]:
        yield batch
