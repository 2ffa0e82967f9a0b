"""Carry out the plan of a deployment.

Guarantees: atomic replacement of each file, and completion of an interrupted push by the next. The
caller holds the folder's lock.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from codexmcp.data_classes import replace
from codexmcp.errors import ConfigurationError
from codexmcp.home.atomic_write import TEMPORARY, put, temporary
from codexmcp.home.changes import check_unchanged
from codexmcp.home.sync.change import SyncChange
from codexmcp.home.sync.deployed import Folder, stat_of
from codexmcp.home.sync.manifest import FILE, Manifest, encode
from codexmcp.home.sync.planning import SyncPlan

_FOLDER_MODE = 0o700
_THREADS = 8
"""Files written in parallel: several fsyncs at once take hardly longer than a single fsync."""


def carry_out(folder: Folder, plan: SyncPlan, before: Manifest | None) -> None:
    """Apply a plan to a client's folder.

    Args:
        folder: The client's folder.
        plan: The plan.
        before: The manifest behind the plan, or None.

    Raises:
        ConfigurationError: A file was changed since the plan was made, or is not writable.
    """
    try:
        _carry_out(folder, plan, before)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {error.filename}: {error.strerror}; fix this and try again, which "
            "finishes the interrupted push"
        ) from None


def _carry_out(folder: Folder, plan: SyncPlan, before: Manifest | None) -> None:
    manifest = str(folder.root / FILE)
    _sweep(folder, before)
    is_same = before is not None and before.is_finished and _settled(before, plan.final)
    if not plan.changes and is_same:
        return
    for change in plan.changes:
        check_unchanged(Path(change.real), change.before)
    _put_each(
        (folder.real(change.backup), change, change.before or b"", None)
        for change in plan.changes
        if change.backup is not None
    )
    if plan.changes:
        put(manifest, encode(plan.pending))
    for path in plan.folders:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder.real(path), _FOLDER_MODE)  # noqa: PTH102 - thousands of times
    _put_each(
        (change.real, change, change.after, change.is_executable)
        for change in plan.changes
        if change.after is not None
    )
    for change in plan.changes:
        if change.after is None:
            Path(change.real).unlink(missing_ok=True)
    for path in plan.emptied:
        # Files of the owner keep the folder.
        with contextlib.suppress(OSError):
            os.rmdir(folder.real(path))  # noqa: PTH106 - thousands of times
    if plan.final is None:
        Path(manifest).unlink(missing_ok=True)
    else:
        put(manifest, encode(_dated(folder, plan.final)))


def _settled(before: Manifest, final: Manifest | None) -> bool:
    return final is not None and replace(before, written_ns=0) == replace(final, written_ns=0)


def _dated(folder: Folder, manifest: Manifest) -> Manifest:
    """Return a manifest with the status of the written files."""
    files = {
        path: record if record.stat else replace(record, stat=stat_of(os.lstat(folder.real(path))))
        for path, record in manifest.files.items()
    }
    folders = tuple(path for path in manifest.folders if not folder.is_missing(path))
    return replace(manifest, files=files, folders=folders, written_ns=time.time_ns())


def _put_each(files: Iterable[tuple[str, SyncChange, bytes, bool | None]]) -> None:
    """Write files in parallel, and raise the first error after all attempts."""
    with ThreadPoolExecutor(_THREADS) as pool:
        jobs = [
            pool.submit(put, path, data, like=change.real, is_executable=is_executable)
            for path, change, data, is_executable in files
        ]
    for job in jobs:
        job.result()


def _sweep(folder: Folder, manifest: Manifest | None) -> None:
    """Delete temporary files of a killed push."""
    for left_over in folder.root.glob(f".*{TEMPORARY}"):
        left_over.unlink()
    if manifest is None or manifest.is_finished:
        return
    for path in _named(manifest):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary(folder.real(path)))  # noqa: PTH108 - thousands of times


def _named(manifest: Manifest) -> Iterator[str]:
    yield from manifest.files
    yield from manifest.blocks
    yield from manifest.backups
