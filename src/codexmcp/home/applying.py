"""Write planned changes into a Codex home.

Guarantees: atomic replacement of each file, a copy beside each replaced file, one writing command
at a time, and no overwriting of changes made after the plan.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from codexmcp.errors import ConfigurationError, DeadlineError
from codexmcp.home.atomic_write import put
from codexmcp.home.changes import FileChange, check_unchanged
from codexmcp.own_files import open_lock

LOCK_FILE = ".codexmcp.lock"
LOCK_TIMEOUT_S = 30.0
_POLL_S = 0.05


@contextlib.contextmanager
def locked(home: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Generator[bool, None, None]:
    """Hold the lock of a home while the block runs. Make the plan inside.

    Yields:
        True if the lock file did not exist before.

    Args:
        home: The Codex home; created if missing.
        timeout_s: Bound on the wait for another command.

    Raises:
        DeadlineError: Another command has not finished in time.
        ConfigurationError: The home is not writable.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        fd, is_new = _open_lock(home)
        try:
            _acquire(fd, home, deadline, timeout_s)
            # The previous holder may have deleted the file; then another file is the lock now.
            if _is_lock(fd, home):
                yield is_new
                return
        finally:
            os.close(fd)


def delete_lock(home: Path) -> None:
    """Delete the lock file while holding its lock; a waiting command creates a new file."""
    (home / LOCK_FILE).unlink(missing_ok=True)


def apply(changes: Sequence[FileChange], now: datetime | None = None) -> list[Path]:
    """Write the changes in order, and return the copies of the replaced files.

    Hold the lock meanwhile.

    Args:
        changes: Effective changes only.
        now: The time in the names of the copies; the current time by default.

    Raises:
        ConfigurationError: A file was changed since the plan was made, or is not writable.
    """
    stamp = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    try:
        for change in changes:
            _check(change)
        kept = [
            _keep(change.path, change.before, stamp)
            for change in changes
            if change.before is not None
        ]
        for change in changes:
            _write(change)
    except OSError as error:
        raise ConfigurationError(f"cannot write {error.filename}: {error.strerror}") from None
    return kept


def _open_lock(home: Path) -> tuple[int, bool]:
    """Return the open lock file, and True if this call created the file."""
    lock = home / LOCK_FILE
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            return open_lock(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL), True
        return open_lock(lock), False
    except OSError as error:
        raise ConfigurationError(f"cannot lock {lock}: {error.strerror}") from None


def _is_lock(fd: int, home: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), (home / LOCK_FILE).stat())
    except FileNotFoundError:
        return False


def _acquire(fd: int, home: Path, deadline: float, timeout_s: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise DeadlineError(
                    f"another codexmcp command has been changing {home} for {timeout_s:g} s; wait "
                    "for it to end, then try again"
                ) from None
            time.sleep(_POLL_S)
        else:
            return


def _check(change: FileChange) -> None:
    check_unchanged(change.path, change.before)


def _keep(path: Path, data: bytes, stamp: str) -> Path:
    """Copy a file's data to a new file beside it."""
    number = 1
    while True:
        suffix = f".bak-{stamp}" if number == 1 else f".bak-{stamp}-{number}"
        copy = path.with_name(path.name + suffix)
        if not os.path.lexists(copy):
            _replace(copy, data, like=path)
            return copy
        number += 1


def _write(change: FileChange) -> None:
    _check(change)
    if change.after is None:
        change.path.unlink()
        _sync_folder(change.path.parent)
        return
    # Users keep config.toml elsewhere and link to it: the link stays.
    path = change.path.resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, change.after, like=path)


def _replace(path: Path, data: bytes, like: Path) -> None:
    """Replace a file durably, with the mode and owner of `like` if that file exists."""
    put(str(path), data, like=str(like))
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
