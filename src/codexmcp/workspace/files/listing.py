"""List folders in a stable order, page by page, in bounded memory.

A page is located by the path of the previous entry alone: no state is kept between calls, and
concurrent changes shift no page.
"""

from __future__ import annotations

import heapq
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import kind_of
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

Names = tuple[str, ...]


class ListedEntry(NamedTuple):
    """An entry of a folder.

    Attributes:
        names: The path from the listed folder.
        kind: `file`, `folder`, `link`, …
        size_bytes: The size of a file; None for other entries.
        modified_s: The time of the last change, in seconds since 1970.
    """

    names: Names
    kind: str
    size_bytes: int | None
    modified_s: float


def list_folder(
    roots: Roots, place: Location, depth: int, after: Names, limit: int
) -> tuple[list[ListedEntry], bool]:
    """Return the entries of a folder, and True if more follow.

    A folder precedes its own entries, and names are ordered by code points. The contents of `.git`
    folders are omitted below the first level.

    Args:
        roots: The roots.
        place: The folder.
        depth: The number of levels; 1 for the folder's own entries.
        after: The path of the entry before the first, from the folder; empty for the beginning.
        limit: Bound on the number of entries.

    Raises:
        WorkspaceError: The folder is not readable.
    """
    found: list[ListedEntry] = []
    for entry in _walk(roots, place, (), depth, after, limit + 1):
        found.append(entry)
        if len(found) > limit:
            return found[:limit], True
    return found, False


def _walk(
    roots: Roots, top: Location, below: Names, depth: int, after: Names, limit: int
) -> Iterator[ListedEntry]:
    place = Location(top.root, (*top.names, *below))
    start = after[0] if after else ""
    is_more = True
    while is_more:
        try:
            entries, start, is_more = _page(roots, place, start, limit)
        except WorkspaceError:
            # Deeper folders may be unreadable or gone; only the requested folder must be readable.
            if below:
                return
            raise
        for name, status in entries:
            names = (*below, name)
            is_before = after[:1] == (name,)
            if not is_before:
                yield _entry(names, status)
            if depth > 1 and stat.S_ISDIR(status.st_mode) and name != ".git":
                rest = after[1:] if is_before else ()
                yield from _walk(roots, top, names, depth - 1, rest, limit)


def _page(
    roots: Roots, place: Location, start: str, limit: int
) -> tuple[list[tuple[str, os.stat_result]], str, bool]:
    """Return entries from a name on, the name of the next entry, and True if more follow."""
    with roots.open_dir(place) as folder:
        with os.scandir(folder.fd) as entries:
            names = heapq.nsmallest(
                limit + 1, (entry.name for entry in entries if entry.name >= start)
            )
        following = names[limit] if len(names) > limit else ""
        return list(_known(folder.fd, names[:limit])), following, bool(following)


def _known(folder: int, names: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            # Deleted in the meantime.
            continue
        yield name, status


def _entry(names: Names, status: os.stat_result) -> ListedEntry:
    kind = kind_of(status.st_mode)
    size_bytes = status.st_size if kind == "file" else None
    return ListedEntry(names, kind, size_bytes, status.st_mtime)
