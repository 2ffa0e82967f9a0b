"""Resolution of a path to a location below a root, by its text alone.

Pure: entries and links are the subject of `confined`. `..` is refused instead of resolved, since
after a link its meaning differs from its text.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.windows_names import (
    fault_of_windows_name,
    is_windows_path,
    split_windows_path,
)

MAX_PATH_BYTES = 4095
"""Source: PATH_MAX of Linux, without the final NUL."""

MAX_DEPTH = 256
"""Bound on the names of a path: each is a folder to open."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder accessible to the tools.

    Attributes:
        path: The absolute path, without links.
        given: The absolute path as written by the owner.
        is_first: The first root: paths in it are shown relative to it.
    """

    path: str
    given: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Location:
    """A location in a root.

    Attributes:
        root: The root.
        names: The names from the root; empty for the root itself.
    """

    root: Root
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Return a path to this location: relative in the first root, otherwise absolute."""
        if self.root.is_first:
            return "/".join(self.names) or "."
        return "/".join((self.root.path.rstrip("/"), *self.names)) or "/"

    def child(self, name: str) -> Location:
        """Return the location of a name in this folder."""
        return Location(self.root, (*self.names, name))

    def first(self, count: int) -> Location:
        """Return the location of the first names."""
        return Location(self.root, self.names[:count])


def locate(text: str, roots: Sequence[Root], *, windows: bool = os.name == "nt") -> Location:
    """Return the location of a path.

    Args:
        text: A path: relative to the first root, or absolute in any root.
        roots: At least one root.
        windows: Use the separators and names of Windows.

    Raises:
        WorkspaceError: The path is invalid, or outside all roots.
    """
    _check(text)
    drive, names = _split(text, windows=windows)
    if ".." in names:
        raise WorkspaceError(
            f"{text!r} holds `..`, which is not followed; name the file from its root downward"
        )
    if len(names) > MAX_DEPTH:
        raise WorkspaceError(f"the path has {len(names)} names, and {MAX_DEPTH} is the most")
    if not drive:
        return Location(roots[0], tuple(names))
    best = max(
        (
            (len(start), -number)
            for number, root in enumerate(roots)
            for base, start in (_base(path, windows=windows) for path in (root.path, root.given))
            if base == drive and _begins(names, start, windows=windows)
        ),
        default=None,
    )
    if best is None:
        raise WorkspaceError(f"{text!r} is outside the served folders: {_named(roots)}")
    return Location(roots[-best[1]], tuple(names[best[0] :]))


def _check(text: str) -> None:
    if not text:
        raise WorkspaceError("the path is empty; use `.` for the first root")
    if "\0" in text:
        raise WorkspaceError(f"{text!r} contains a NUL character")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise WorkspaceError(f"{text!a} is not valid Unicode; send the path as UTF-8") from None
    if size_bytes > MAX_PATH_BYTES:
        raise WorkspaceError(
            f"the path is {size_bytes} bytes long, and {MAX_PATH_BYTES} is the most: {text[:80]!r}…"
        )


def _split(text: str, *, windows: bool) -> tuple[str, list[str]]:
    """Return the drive (`/` for an absolute path of other systems) and the names."""
    if windows:
        return _split_for_windows(text)
    if is_windows_path(text):
        raise WorkspaceError(f"{text!r} is a path of Windows, and this machine runs another system")
    drive = "/" if text.startswith("/") else ""
    return drive, [name for name in text.split("/") if name not in {"", "."}]


def _split_for_windows(text: str) -> tuple[str, list[str]]:
    try:
        drive, names = split_windows_path(text)
    except ValueError as error:
        raise WorkspaceError(
            f"{text!r} {error}; give a path relative to the first root, or one with a drive"
        ) from None
    for name in names:
        fault = None if name == ".." else fault_of_windows_name(name)
        if fault is not None:
            raise WorkspaceError(f"{text!r} cannot be used: of the name {name!r}, {fault}")
    return drive, names


def _base(path: str, *, windows: bool) -> tuple[str, list[str]]:
    return _split(path, windows=windows)


def _begins(names: Sequence[str], start: Sequence[str], *, windows: bool) -> bool:
    head = names[: len(start)]
    if windows:
        return [name.casefold() for name in head] == [name.casefold() for name in start]
    return list(head) == list(start)


def _named(roots: Sequence[Root]) -> str:
    return ", ".join(root.given for root in roots)
