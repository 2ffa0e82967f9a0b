"""Where below which root a path leads, by its text alone.

Pure: what lies there, links among it, is for `confined`. `..` is refused and not resolved, because
beside a link it means another folder than its text says.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.windows_names import (
    fault_of_windows_name,
    is_windows_path,
    split_windows_path,
)

MAX_PATH_BYTES = 4095
"""Source: PATH_MAX of Linux, its final NUL not counted."""

MAX_DEPTH = 256
"""How many names a path may have: each is a folder to open."""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that the tools may touch.

    Attributes:
        path: Its absolute path, without links.
        given: Its absolute path as its owner wrote it.
        is_first: Whether it is the first root: paths in it are shown relative to it.
    """

    path: str
    given: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a root.

    Attributes:
        root: The root.
        names: The names that lead there; none for the root itself.
    """

    root: Root
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Return a path that leads here again: relative in the first root, else absolute."""
        if self.root.is_first:
            return "/".join(self.names) or "."
        return "/".join((self.root.path.rstrip("/"), *self.names)) or "/"

    def child(self, name: str) -> Location:
        """Return the place of a name in this folder."""
        return Location(self.root, (*self.names, name))

    def first(self, count: int) -> Location:
        """Return the place that the first names lead to."""
        return Location(self.root, self.names[:count])


def locate(text: str, roots: Sequence[Root], *, windows: bool = os.name == "nt") -> Location:
    """Return where a path leads.

    Args:
        text: A path: relative to the first root, or absolute in any.
        roots: The roots; at least one.
        windows: Whether it is for Windows: which separators and names hold.

    Raises:
        WorkspaceError: It cannot be a path, or leads out of all roots.
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
        raise WorkspaceError(f"{text!r} lies outside the folders that are served: {_named(roots)}")
    return Location(roots[-best[1]], tuple(names[best[0] :]))


def _check(text: str) -> None:
    if not text:
        raise WorkspaceError("the path is empty; use `.` for the first root")
    if "\0" in text:
        raise WorkspaceError(f"{text!r} holds a NUL character; no path can")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise WorkspaceError(f"{text!a} is not valid Unicode; send the path as UTF-8") from None
    if size_bytes > MAX_PATH_BYTES:
        raise WorkspaceError(
            f"the path is {size_bytes} bytes long, and {MAX_PATH_BYTES} is the most: {text[:80]!r}…"
        )


def _split(text: str, *, windows: bool) -> tuple[str, list[str]]:
    """Return the drive, which is `/` for an absolute path of other systems, and the names."""
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
