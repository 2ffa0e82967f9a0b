"""Which files a run has made or changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MAX_FILES = 20_000
"""Files looked at in a folder; beyond that, changes are not told."""

_SKIPPED = frozenset({".git", ".codex", ".agents", "node_modules", ".venv", "__pycache__"})

Snapshot = dict[str, tuple[int, int]]
"""Modification time in nanoseconds and size in bytes of each file, by its relative path."""


def take_snapshot(folder: Path) -> Snapshot | None:
    """Return the files below a folder; None when there are more than `MAX_FILES`."""
    snapshot: Snapshot = {}
    for entry in _walk(folder):
        if len(snapshot) >= MAX_FILES:
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        snapshot[os.path.relpath(entry.path, folder)] = (status.st_mtime_ns, status.st_size)
    return snapshot


def changed_files(before: Snapshot | None, after: Snapshot | None) -> list[str]:
    """Return the relative paths of files that are new or differ, sorted."""
    if before is None or after is None:
        return []
    return sorted(path for path, state in after.items() if before.get(path) != state)


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _walk(Path(entry.path))
        else:
            yield entry
