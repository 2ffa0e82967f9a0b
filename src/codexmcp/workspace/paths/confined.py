"""Opens what lies in a root, and nothing else: name by name, each from the folder before it.

No link is followed, wherever it leads, so it does not matter who changes what meanwhile: a
descriptor is of the root's inside or it is not given. Measured on Linux: openat2(2) would save
about two microseconds a name, which no caller notices.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location


def _flags(*names: str) -> int:
    # A system that lacks one is refused when the roots are read, with an error that says so.
    # Each is a bit of its own, so that the sum is the union.
    return sum(getattr(os, name, 0) for name in {*names})


_FOLDER = _flags("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
# Linux passes through folders without the right to list them.
_THROUGH = _FOLDER | _flags("O_PATH")
# Without O_NONBLOCK, opening a named pipe would wait for who writes to it.
_FILE = _flags("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC")

Identity = tuple[int, int]
"""Device and inode."""

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}

_REASONS = {
    errno.ENOENT: "does not exist; list its folder to see what does",
    errno.EACCES: "is not readable or writable for the server; mend its permissions",
    errno.EPERM: "is protected against this; mend its permissions",
    errno.ENAMETOOLONG: "has a longer name than the file system allows; shorten it",
    errno.ENOSPC: "cannot be written: the disk is full; free some space",
    errno.EDQUOT: "cannot be written: the disk quota is used up; free some space",
    errno.EFBIG: "cannot be written: it is larger than files may be here",
    errno.EROFS: "cannot be written: its file system is read-only",
    errno.EISDIR: "is a folder; name a file",
    errno.EMFILE: "cannot be opened: the server has too many files open; try again",
    errno.ENFILE: "cannot be opened: the machine has too many files open; try again",
}


@dataclass(frozen=True, slots=True)
class Withheld:
    """Files and folders that are not served though they may lie in a root.

    Attributes:
        paths: Where they lie; what is missing is looked for again each time.
    """

    paths: Sequence[str] = ()

    def identities(self) -> frozenset[Identity]:
        """Return which inodes they are now."""
        found: set[Identity] = set()
        for path in self.paths:
            with contextlib.suppress(OSError):
                found.add(identity(os.stat(path)))  # noqa: PTH116 - once a call, on each call
        return frozenset(found)


def identity(status: os.stat_result) -> Identity:
    """Return what tells an inode from all others."""
    return status.st_dev, status.st_ino


def kind_of(mode: int) -> str:
    """Return what a mode says that something is, in one word."""
    return KINDS.get(stat.S_IFMT(mode), "unknown")


@contextlib.contextmanager
def opened_folder(
    place: Location, withheld: frozenset[Identity] = frozenset(), *, to_list: bool = True
) -> Generator[int]:
    """Give the descriptor of a folder.

    Args:
        place: The folder.
        withheld: What must not be opened.
        to_list: Whether it must be possible to list it; else only to pass through.

    Raises:
        WorkspaceError: It is missing, not a folder, withheld, or a link leads there.
    """
    folder = _descend(place, withheld, to_list=to_list)
    try:
        yield folder
    finally:
        os.close(folder)


def _descend(place: Location, withheld: frozenset[Identity], *, to_list: bool) -> int:
    depth = len(place.names)
    folder = open_root(place, to_list=to_list and not depth)
    try:
        refuse_withheld(folder, place, withheld)
        for count, name in enumerate(place.names, 1):
            below = step(folder, name, place, count, to_list=to_list and count == depth)
            os.close(folder)
            folder = below
            refuse_withheld(folder, place, withheld)
    except BaseException:
        os.close(folder)
        raise
    return folder


def open_root(place: Location, *, to_list: bool) -> int:
    """Return the descriptor of a place's root; the caller closes it.

    Args:
        place: A place in the root.
        to_list: Whether it must be possible to list it; else only to pass through.

    Raises:
        WorkspaceError: It cannot be opened.
    """
    try:
        return os.open(place.root.path, (os.O_RDONLY | _FOLDER) if to_list else _THROUGH)
    except OSError as error:
        raise WorkspaceError(
            f"the root {place.root.given} cannot be opened: {error.strerror}; put it back, or "
            "restart the server with other roots"
        ) from None


def step(folder: int, name: str, place: Location, count: int, *, to_list: bool) -> int:
    """Return the descriptor of a folder in a folder; the caller closes it.

    Args:
        folder: The outer folder.
        name: The inner one's name.
        place: Where this leads, for errors.
        count: How many names of that place lead to the inner folder.
        to_list: Whether it must be possible to list it; else only to pass through.

    Raises:
        WorkspaceError: It cannot be opened.
    """
    try:
        return os.open(name, (os.O_RDONLY | _FOLDER) if to_list else _THROUGH, dir_fd=folder)
    except OSError as error:
        raise refusal(error, place.first(count), folder, "a folder") from None


def refuse_withheld(opened: int, place: Location, withheld: frozenset[Identity]) -> None:
    """Refuse what was opened when it is not served.

    Raises:
        WorkspaceError: It is withheld.
    """
    if withheld and identity(os.fstat(opened)) in withheld:
        raise WorkspaceError(f"{place} belongs to the server itself and is not served")


def has_entry(folder: int, name: str) -> bool:
    """Return whether a folder has something under a name, a link included.

    Args:
        folder: The folder's descriptor.
        name: The name.
    """
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        # Of whatever else stands in the way, the next step tells.
        return error.errno != errno.ENOENT
    return True


@contextlib.contextmanager
def opened_file(
    folder: int, place: Location, withheld: frozenset[Identity] = frozenset()
) -> Generator[tuple[int, os.stat_result]]:
    """Give the descriptor of a regular file, for reading, and what is known of it.

    Args:
        folder: The descriptor of its folder.
        place: Where it is; its last name is opened.
        withheld: What must not be opened.

    Raises:
        WorkspaceError: It is missing, not a regular file, withheld, or a link.
    """
    name = place.names[-1]
    try:
        # Before it is opened, because opening a device may already do something.
        _must_be_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), place)
        file = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise refusal(error, place, folder, "a file") from None
    try:
        status = os.fstat(file)
        _must_be_regular(status, place)
        if identity(status) in withheld:
            raise WorkspaceError(f"{place} belongs to the server itself and is not served")
        yield file, status
    finally:
        os.close(file)


def _must_be_regular(status: os.stat_result, place: Location) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise not_a(place, kind_of(status.st_mode), "a file")


def not_a(place: Location, kind: str, wanted: str) -> WorkspaceError:
    """Return the error about something of another kind."""
    if kind == "link":
        return WorkspaceError(
            f"{place} is a symbolic link, and links are not followed; name what it leads to"
        )
    return WorkspaceError(f"{place} is a {kind}, not {wanted}; name {wanted}")


def refusal(error: OSError, place: Location, folder: int, wanted: str) -> WorkspaceError:
    """Return the error to raise in place of an error of the system.

    Args:
        error: What the system says.
        place: What it says it about.
        folder: The descriptor of the folder in which that lies.
        wanted: What it should be, with its article.
    """
    if error.errno in {errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
        with contextlib.suppress(OSError):
            found = os.stat(place.names[-1], dir_fd=folder, follow_symlinks=False)
            return not_a(place, kind_of(found.st_mode), wanted)
    reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
    return WorkspaceError(f"{place} {reason}")
