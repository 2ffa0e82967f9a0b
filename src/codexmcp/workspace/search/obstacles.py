"""Find obstacles that block a search forever: ignore files that are not regular files.

ripgrep opens any entry named `.gitignore` or similar. A named pipe blocks until a writer appears,
and a device such as /dev/zero fills the memory. Checking every folder first would cost more than
the search, so the check runs only for a slow search.
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
"""ripgrep's ignore files, read in each folder and its parents."""

MAX_RULES_BYTES = 16 * 1024 * 1024
"""A larger file cannot be a rule file; ripgrep would load all of it into memory."""

_ENDLESS = {stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK}


def find_obstacle(
    roots: Roots, place: Location, stop: threading.Event, *, with_hidden: bool
) -> str | None:
    """Return the obstacle that blocks a search in a folder, in words; None without one.

    Withheld and unreadable entries are skipped, as in ripgrep.

    Args:
        roots: The roots.
        place: The folder.
        stop: Ends the check when set.
        with_hidden: The search includes folders with a leading dot.
    """
    above = (_by_path(path) for path in Path(place.root.path).parents)
    inside = (_on_the_way(roots, place.first(count)) for count in range(len(place.names)))
    for found in itertools.chain(above, inside, _below(roots, place, with_hidden=with_hidden)):
        if found is not None or stop.is_set():
            return found
    return None


def _by_path(folder: Path) -> str | None:
    """Return the obstacle in a folder above a root."""
    for rules in RULES:
        fault = _fault(str(folder / rules), None)
        if fault is not None:
            return f"{folder / rules} is {fault}"
    return None


def _on_the_way(roots: Roots, place: Location) -> str | None:
    """Return the obstacle in a folder between a root and the searched folder."""
    with contextlib.suppress(WorkspaceError), roots.open_dir(place, to_list=False) as folder:
        return _of_folder(place, folder.fd)
    return None


def _below(roots: Roots, top: Location, *, with_hidden: bool) -> Iterator[str | None]:
    """Yield the obstacle of a folder and of each sub-folder."""
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
    """Return the fault of an ignore file; None if regular or missing."""
    try:
        # ripgrep follows a link here; `stat` does not open the target.
        status = os.stat(path, dir_fd=folder)
        is_null = status.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
    except OSError:
        return None
    # A link to /dev/null is a common way to disable rules.
    if stat.S_IFMT(status.st_mode) in _ENDLESS and not is_null:
        return f"a {kind_of(status.st_mode)}, or leads to one"
    if status.st_size > MAX_RULES_BYTES:
        return f"larger than {MAX_RULES_BYTES // 1024**2} MiB"
    return None
