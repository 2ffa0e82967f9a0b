"""Open entries inside a root only: name by name, each from its parent folder.

No link is followed, so concurrent changes do not matter: a descriptor is always inside the root.
Measured on Linux: openat2(2) would save about two microseconds per name, too little to notice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator, Sequence

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location


def _flags(*names: str) -> int:
    # A system without a flag is refused with an error when the roots are parsed.
    # Each flag is a separate bit, so the sum is the union.
    return sum(getattr(os, name, 0) for name in {*names})


_FOLDER = _flags("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
# Linux can traverse folders without the right to list them.
_THROUGH = _FOLDER | _flags("O_PATH")
# Without O_NONBLOCK, opening a named pipe would wait for a writer.
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
UNKNOWN_KIND = "unknown"

_REASONS = {
    errno.ENOENT: "does not exist; list its folder",
    errno.EACCES: "is not readable or writable for the server; fix its permissions",
    errno.EPERM: "is protected against this; fix its permissions",
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
    """Files and folders not served, although in a root.

    Attributes:
        paths: Their paths; missing paths are looked up again each time.
    """

    paths: Sequence[str] = ()

    def identities(self) -> frozenset[Identity]:
        """Return their current inodes."""
        found: set[Identity] = set()
        for path in self.paths:
            with contextlib.suppress(OSError):
                found.add(identity(os.stat(path)))  # noqa: PTH116 - once a call, on each call
        return frozenset(found)

    def refuse_new(self, place: Location) -> None:
        """Refuse a withheld location, even without an entry there.

        Raises:
            WorkspaceError: The location is withheld.
        """
        given = "/".join((place.root.path.rstrip("/"), *place.names, "")).casefold()
        for path in self.paths:
            if given.startswith(f"{os.path.realpath(path).rstrip('/')}/".casefold()):
                raise _not_served(place)


def identity(status: os.stat_result) -> Identity:
    """Return the unique identity of an inode."""
    return status.st_dev, status.st_ino


def kind_of(mode: int) -> str:
    """Return the kind of entry of a mode, in one word."""
    return KINDS.get(stat.S_IFMT(mode), UNKNOWN_KIND)


@contextlib.contextmanager
def opened_folder(
    place: Location, withheld: frozenset[Identity] = frozenset(), *, to_list: bool = True
) -> Generator[int]:
    """Provide the descriptor of a folder.

    Args:
        place: The folder.
        withheld: Inodes not to open.
        to_list: Require the right to list the folder; otherwise only to traverse.

    Raises:
        WorkspaceError: Missing, not a folder, withheld, or behind a link.
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
    """Return the descriptor of a location's root; the caller closes it.

    Args:
        place: A location in the root.
        to_list: Require the right to list the root; otherwise only to traverse.

    Raises:
        WorkspaceError: The root is not accessible.
    """
    try:
        return os.open(place.root.path, (os.O_RDONLY | _FOLDER) if to_list else _THROUGH)
    except OSError as error:
        raise WorkspaceError(
            f"the root {place.root.given} cannot be opened: {error.strerror}; put it back, or "
            "restart the server with other roots"
        ) from None


def step(folder: int, name: str, place: Location, count: int, *, to_list: bool) -> int:
    """Return the descriptor of a sub-folder; the caller closes it.

    Args:
        folder: The parent's descriptor.
        name: The sub-folder's name.
        place: The final location, for errors.
        count: The number of names of `place` up to the sub-folder.
        to_list: Require the right to list the sub-folder; otherwise only to traverse.

    Raises:
        WorkspaceError: The sub-folder is not accessible.
    """
    try:
        return os.open(name, (os.O_RDONLY | _FOLDER) if to_list else _THROUGH, dir_fd=folder)
    except OSError as error:
        raise refusal(error, place.first(count), folder, "a folder") from None


def refuse_withheld(opened: int, place: Location, withheld: frozenset[Identity]) -> None:
    """Refuse a descriptor of a withheld entry.

    Raises:
        WorkspaceError: The entry is withheld.
    """
    if withheld and identity(os.fstat(opened)) in withheld:
        raise _not_served(place)


def _not_served(place: Location) -> WorkspaceError:
    return WorkspaceError(f"{place} belongs to the server itself and is not served")


def has_entry(folder: int, name: str) -> bool:
    """Return True if a folder has an entry of this name, including links."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        # The next step reports other obstacles.
        return error.errno != errno.ENOENT
    return True


@contextlib.contextmanager
def opened_file(
    folder: int, place: Location, withheld: frozenset[Identity] = frozenset()
) -> Generator[tuple[int, os.stat_result]]:
    """Provide the descriptor of a regular file for reading, and its status.

    Args:
        folder: The descriptor of its folder.
        place: The location; its last name is opened.
        withheld: Inodes not to open.

    Raises:
        WorkspaceError: Missing, not a regular file, withheld, or a link.
    """
    name = place.names[-1]
    try:
        # Checked before opening, since opening a device can have side effects.
        _must_be_regular(os.stat(name, dir_fd=folder, follow_symlinks=False), place)
        file = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise refusal(error, place, folder, "a file") from None
    try:
        status = os.fstat(file)
        _must_be_regular(status, place)
        if identity(status) in withheld:
            raise _not_served(place)
        yield file, status
    finally:
        os.close(file)


def _must_be_regular(status: os.stat_result, place: Location) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise not_a(place, kind_of(status.st_mode), "a file")


def not_a(place: Location, kind: str, wanted: str) -> WorkspaceError:
    """Return the error for an entry of another kind."""
    if kind == "link":
        return WorkspaceError(
            f"{place} is a symbolic link, and links are not followed; name its target"
        )
    return WorkspaceError(f"{place} is a {kind}, not {wanted}; name {wanted}")


def refusal(error: OSError, place: Location, folder: int, wanted: str) -> WorkspaceError:
    """Return our error for an error of the system.

    Args:
        error: The system's error.
        place: The affected location.
        folder: The descriptor of its folder.
        wanted: The expected kind, with its article.
    """
    if error.errno in {errno.ENOTDIR, errno.ELOOP, errno.ENXIO}:
        with contextlib.suppress(OSError):
            found = os.stat(place.names[-1], dir_fd=folder, follow_symlinks=False)
            return not_a(place, kind_of(found.st_mode), wanted)
    reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
    return WorkspaceError(f"{place} {reason}")
