"""Write files atomically: whole or not at all, even after a kill or with a full disk.

New contents are written to a file without a name where the system supports this, so no partial file
is ever visible, or committed. Must not open by path, only by a folder's descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Generator

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import refusal
from codexmcp.workspace.paths.locations import Location

TEMPORARY = ".codexmcp-tmp"
"""The suffix of temporary files, on systems without unnamed files."""

_NEW = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_ANYBODYS_MODE = 0o666
_OWN_MODE = 0o600
_MODE_BITS = 0o777
_GROUP_BITS = 0o070
_WRITABLE = 0o222
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}

# Between the last check of a file and its replacement no other call of this server may replace the
# file. A single lock is enough, held for a few system calls.
_replacing = threading.Lock()


@dataclass(frozen=True, slots=True)
class FileDestination:
    """The destination of a file.

    Attributes:
        folder: The descriptor of its folder, suitable for fsync.
        place: The location, for errors; its last name is the file's.
    """

    folder: int
    place: Location

    @property
    def name(self) -> str:
        """The file's name."""
        return self.place.names[-1]


def put_new(spot: FileDestination, data: bytes) -> None:
    """Write a new file.

    Args:
        spot: The destination.
        data: The whole contents.

    Raises:
        FileExistsError: The file exists and was not changed.
        WorkspaceError: The file is not writable; nothing was changed.
    """
    with _told(spot), _written(spot.folder, data, _ANYBODYS_MODE) as (draft, name), _replacing:
        try:
            _link(draft, name, spot.folder, spot.name)
        except OSError as error:
            if error.errno not in _NO_LINKS or name is None:
                raise
            # Not atomic on such a file system; a file created by others in between is lost.
            if _status(spot) is not None:
                raise FileExistsError(errno.EEXIST, "exists") from None
            os.replace(name, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    _sync(spot.folder)


def put_over(
    spot: FileDestination, data: bytes, before: os.stat_result, *, only_if_same: bool = False
) -> None:
    """Replace a file, keeping its mode, and its owner if permitted.

    Args:
        spot: The destination.
        data: The whole contents.
        before: The file's status; a hard link or a read-only file is refused.
        only_if_same: Require the same, unchanged file.

    Raises:
        WorkspaceError: The file is not writable or was changed in the meantime; nothing was
            changed.
    """
    if before.st_nlink > 1:
        before = _without_draft(spot, before)
    _refuse_protected(spot, before)
    with _told(spot), _written(spot.folder, data, _OWN_MODE) as (draft, name):
        _make_like(draft, before)
        named = name or _temporary()
        if name is None:
            _link(draft, None, spot.folder, named)
        try:
            with _replacing:
                if only_if_same:
                    _refuse_changed(spot, before)
                os.replace(named, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
        except BaseException:
            _remove(spot.folder, named)
            raise
    _sync(spot.folder)


def _sync(folder: int) -> None:
    # The file is already in place, and some file systems cannot sync folders.
    with contextlib.suppress(OSError):
        os.fsync(folder)


def changed(place: Location) -> WorkspaceError:
    """Return the error for a concurrent change of a file."""
    return WorkspaceError(
        f"{place} was changed by another program just now; nothing of that is lost and nothing was "
        "written: read it again"
    )


def _without_draft(spot: FileDestination, before: os.stat_result) -> os.stat_result:
    """Return a file's status after the removal of its temporary name.

    A killed writer may have left the file with both names.
    """
    with _told(spot):
        with os.scandir(spot.folder) as entries:
            names = [
                entry.name
                for entry in entries
                if entry.name.endswith(TEMPORARY) and entry.inode() == before.st_ino
            ]
        for name in names:
            _remove(spot.folder, name)
        now = os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
    # The removal of a name changes the inode; no other change is allowed.
    if _content(now) != _content(before):
        raise changed(spot.place)
    return now


def _refuse_protected(spot: FileDestination, before: os.stat_result) -> None:
    if before.st_nlink > 1:
        raise WorkspaceError(
            f"{spot.place} is one file under {before.st_nlink} names (hard links), of which others "
            "may be outside; replacing it would separate them: remove it first, or write elsewhere"
        )
    if not before.st_mode & _WRITABLE:
        raise WorkspaceError(f"{spot.place} is read-only; make it writable first")


@contextlib.contextmanager
def _told(spot: FileDestination) -> Generator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise refusal(error, spot.place, spot.folder, "a file") from None


@contextlib.contextmanager
def _written(folder: int, data: bytes, mode: int) -> Generator[tuple[int, str | None]]:
    """Provide a new file on disk: its descriptor, and its temporary name if needed."""
    draft, name = _open_draft(folder, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(draft, rest) :]
        os.fsync(draft)
        yield draft, name
    finally:
        os.close(draft)
        if name is not None:
            _remove(folder, name)


def _open_draft(folder: int, mode: int) -> tuple[int, str | None]:
    if _UNNAMED:
        # Some file systems lack unnamed files.
        with contextlib.suppress(OSError):
            return os.open(".", _NEW | _UNNAMED, mode, dir_fd=folder), None
    name = _temporary()
    return os.open(name, _NEW | os.O_CREAT | os.O_EXCL, mode, dir_fd=folder), name


def _temporary() -> str:
    return f".{secrets.token_hex(8)}{TEMPORARY}"


def _link(draft: int, name: str | None, folder: int, to: str) -> None:
    if name is None:
        os.link(f"/proc/self/fd/{draft}", to, dst_dir_fd=folder)
    else:
        os.link(name, to, src_dir_fd=folder, dst_dir_fd=folder)


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _make_like(draft: int, before: os.stat_result) -> None:
    """Copy another file's owner and mode."""
    mode = before.st_mode & _MODE_BITS
    now = os.fstat(draft)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(draft, before.st_uid, before.st_gid)
        except PermissionError:
            try:
                os.fchown(draft, -1, before.st_gid)
            except PermissionError:
                # Rights of the original group must not pass to our group.
                mode &= ~_GROUP_BITS
    os.fchmod(draft, mode)


def _status(spot: FileDestination) -> os.stat_result | None:
    try:
        return os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _refuse_changed(spot: FileDestination, before: os.stat_result) -> None:
    now = _status(spot)
    if now is None or _version(now) != _version(before):
        raise changed(spot.place)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return (*_content(status), status.st_ctime_ns)


def _content(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
