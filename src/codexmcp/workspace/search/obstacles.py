"""Finds what a search would wait for without end: files of rules that are no ordinary files.

ripgrep opens whatever is called `.gitignore` or the like. A named pipe there holds it up until
somebody writes to it, and a device such as /dev/zero never ends and fills the memory. To look at
every folder first would cost more than a search does, so it is done once a search takes long.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import kind_of
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

RULES = (".gitignore", ".ignore", ".rgignore", ".git/info/exclude")
"""Where ripgrep reads, in each folder and in those above it, what it is to leave out."""

MAX_RULES_BYTES = 16 * 1024 * 1024
"""A larger file cannot be meant to hold rules; ripgrep would hold all of them in memory."""

_ENDLESS = {stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK}


def find_obstacle(
    roots: Roots, place: Location, stop: threading.Event, *, with_hidden: bool
) -> str | None:
    """Return what a search in a folder would wait for, in words; None when there is nothing.

    What is withheld and what cannot be read is passed over, as ripgrep passes over it.

    Args:
        roots: The roots.
        place: The folder.
        stop: Ends the look when it is set.
        with_hidden: Whether the search looks into folders that begin with a dot.
    """
    above = (_by_path(path) for path in Path(place.root.path).parents)
    inside = (_on_the_way(roots, place.first(count)) for count in range(len(place.names)))
    for found in itertools.chain(above, inside, _below(roots, place, with_hidden=with_hidden)):
        if found is not None or stop.is_set():
            return found
    return None


def _by_path(folder: Path) -> str | None:
    """Return what would be waited for in a folder above a root."""
    for rules in RULES:
        fault = _fault(str(folder / rules), None)
        if fault is not None:
            return f"{folder / rules} is {fault}"
    return None


def _on_the_way(roots: Roots, place: Location) -> str | None:
    """Return what would be waited for in a folder between a root and what is searched."""
    with contextlib.suppress(WorkspaceError), roots.open_dir(place, to_list=False) as folder:
        return _of_folder(place, folder.fd)
    return None


def _below(roots: Roots, top: Location, *, with_hidden: bool) -> Iterator[str | None]:
    """Yield for a folder and each one in it what would be waited for there."""
    places = deque([top])
    while places:
        place = places.popleft()
        with contextlib.suppress(WorkspaceError, OSError), roots.open_dir(place) as folder:
            yield _of_folder(place, folder.fd)
            with os.scandir(folder.fd) as entries:
                places.extend(
                    place.child(entry.name)
                    for entry in entries
                    if (with_hidden or not entry.name.startswith("."))
                    and entry.is_dir(follow_symlinks=False)
                )


def _of_folder(place: Location, folder: int) -> str | None:
    for rules in RULES:
        fault = _fault(rules, folder)
        if fault is not None:
            return f"{place.child(rules)} is {fault}"
    return None


def _fault(path: str, folder: int | None) -> str | None:
    """Return what is wrong with a file of rules; None for a usual one, or none at all."""
    try:
        # ripgrep follows a link here, and to ask what is there does not open it.
        status = os.stat(path, dir_fd=folder)
        is_null = status.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
    except OSError:
        return None
    # A link to /dev/null is a usual way to have no rules.
    if stat.S_IFMT(status.st_mode) in _ENDLESS and not is_null:
        return f"a {kind_of(status.st_mode)}, or leads to one"
    if status.st_size > MAX_RULES_BYTES:
        return f"larger than {MAX_RULES_BYTES // 1024**2} MiB"
    return None
