"""Puts a file in place: whole or not at all, whoever is killed and whatever is full.

What is new is written beside it without a name where the system can, so that nothing half-done is
ever seen, or committed. Must not open by a path: only by a folder's descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Generator
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.confined import refusal
from codexmcp.workspace.paths.locations import Location

TEMPORARY = ".codexmcp-tmp"
"""How the names of files end that are being written, where the system cannot do without."""

_NEW = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
_UNNAMED = getattr(os, "O_TMPFILE", 0)
_ANYBODYS_MODE = 0o666
_OWN_MODE = 0o600
_MODE_BITS = 0o777
_GROUP_BITS = 0o070
_WRITABLE = 0o222
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}

# Between the last look at a file and its replacement nobody else of this server may replace it. One
# lock for all is enough: it is held for a few system calls.
_replacing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a file is to be put.

    Attributes:
        folder: The descriptor of its folder; it can be synced to disk.
        place: Where it is, for errors; its last name is the file's.
    """

    folder: int
    place: Location

    @property
    def name(self) -> str:
        """The file's name."""
        return self.place.names[-1]


def put_new(spot: Spot, data: bytes) -> None:
    """Write a file that must not be there yet.

    Args:
        spot: Where.
        data: The whole content.

    Raises:
        FileExistsError: It is there; it was not touched.
        WorkspaceError: It cannot be written; nothing was.
    """
    with _told(spot), _written(spot.folder, data, _ANYBODYS_MODE) as (draft, name), _replacing:
        try:
            _link(draft, name, spot.folder, spot.name)
        except OSError as error:
            if error.errno not in _NO_LINKS or name is None:
                raise
            # Such a file system cannot do it in one step; what others create in between is lost.
            if _status(spot) is not None:
                raise FileExistsError(errno.EEXIST, "exists") from None
            os.replace(name, spot.name, src_dir_fd=spot.folder, dst_dir_fd=spot.folder)
    _sync(spot.folder)


def put_over(
    spot: Spot, data: bytes, before: os.stat_result, *, only_if_same: bool = False
) -> None:
    """Replace a file; its mode is kept, and its owner where that is allowed.

    Args:
        spot: Where.
        data: The whole content.
        before: What is known of the file; a hard link or one that nobody may write is refused.
        only_if_same: Whether the file must still be this one, unchanged.

    Raises:
        WorkspaceError: It cannot be written, or was changed meanwhile; then it is as it was.
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
    # The file is in place by now, and not every file system can do this to folders.
    with contextlib.suppress(OSError):
        os.fsync(folder)


def changed(place: Location) -> WorkspaceError:
    """Return the error about a file that somebody else changes at the same time."""
    return WorkspaceError(
        f"{place} was changed by somebody else just now; nothing of that is lost and nothing was "
        "written: read it again"
    )


def _without_draft(spot: Spot, before: os.stat_result) -> os.stat_result:
    """Return what is known of a file, after the name it was drafted under is gone.

    A writer that was killed in between has left it both names.
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
    # A name less is a change of the inode, but nothing else may have changed.
    if _content(now) != _content(before):
        raise changed(spot.place)
    return now


def _refuse_protected(spot: Spot, before: os.stat_result) -> None:
    if before.st_nlink > 1:
        raise WorkspaceError(
            f"{spot.place} is one file under {before.st_nlink} names (hard links), of which others "
            "may lie outside; replacing it would part them: remove it first, or write elsewhere"
        )
    if not before.st_mode & _WRITABLE:
        raise WorkspaceError(f"{spot.place} is read-only; make it writable first")


@contextlib.contextmanager
def _told(spot: Spot) -> Generator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise refusal(error, spot.place, spot.folder, "a file") from None


@contextlib.contextmanager
def _written(folder: int, data: bytes, mode: int) -> Generator[tuple[int, str | None]]:
    """Give a new file on disk, by descriptor, and its name if it had to have one."""
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
        # Not every file system can.
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
    """Give a file another's owner and mode."""
    mode = before.st_mode & _MODE_BITS
    now = os.fstat(draft)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(draft, before.st_uid, before.st_gid)
        except PermissionError:
            try:
                os.fchown(draft, -1, before.st_gid)
            except PermissionError:
                # What its group might do is not for ours.
                mode &= ~_GROUP_BITS
    os.fchmod(draft, mode)


def _status(spot: Spot) -> os.stat_result | None:
    try:
        return os.stat(spot.name, dir_fd=spot.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _refuse_changed(spot: Spot, before: os.stat_result) -> None:
    now = _status(spot)
    if now is None or _version(now) != _version(before):
        raise changed(spot.place)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return (*_content(status), status.st_ctime_ns)


def _content(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
