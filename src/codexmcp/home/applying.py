"""Writes planned changes into a Codex home.

Promises that each file is old or new whatever is killed when, that what is replaced is kept beside
it, that two commands never write at once, and that nothing is written over what somebody changed
since the plan was made.
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
from codexmcp.home.changes import FileChange, make_sure
from codexmcp.home.putting import put

LOCK_FILE = ".codexmcp.lock"
LOCK_TIMEOUT_S = 30.0
_POLL_S = 0.05
_NEW_FILE_MODE = 0o600


@contextlib.contextmanager
def locked(home: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Generator[bool, None, None]:
    """Be the only one of us who changes a home, while the block runs. Make the plan inside.

    Yields:
        Whether there was no lock file before.

    Args:
        home: The Codex home; created when it is missing.
        timeout_s: How long to wait for another command.

    Raises:
        DeadlineError: Another command has not finished in time.
        ConfigurationError: The home cannot be written to.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        fd, is_new = _open_lock(home)
        try:
            _acquire(fd, home, deadline, timeout_s)
            # Whoever held it may have deleted it: then another file is the lock by now.
            if _is_lock(fd, home):
                yield is_new
                return
        finally:
            os.close(fd)


def forget_lock(home: Path) -> None:
    """Delete the lock file while its lock is held; who waits for it makes a new one.

    Args:
        home: The Codex home.
    """
    (home / LOCK_FILE).unlink(missing_ok=True)


def apply(changes: Sequence[FileChange], now: datetime | None = None) -> list[Path]:
    """Write the changes in their order, and return the copies of what they replace.

    Hold the lock meanwhile.

    Args:
        changes: Changes that change something.
        now: The time for the names of the copies; None means now.

    Raises:
        ConfigurationError: A file was changed since the plan was made, or cannot be written.
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
    """Return the opened lock file, and whether it was made for that."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            return os.open(home / LOCK_FILE, flags | os.O_EXCL, _NEW_FILE_MODE), True
        return os.open(home / LOCK_FILE, flags, _NEW_FILE_MODE), False
    except OSError as error:
        raise ConfigurationError(f"cannot write into {home}: {error.strerror}") from None


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
    make_sure(change.path, change.before)


def _keep(path: Path, data: bytes, stamp: str) -> Path:
    """Copy what a file holds to a new file beside it."""
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
    # People keep their config.toml elsewhere and link to it: the link stays.
    path = change.path.resolve()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(path, change.after, like=path)


def _replace(path: Path, data: bytes, like: Path) -> None:
    """Put a file in place for good, with the mode and owner of another if that exists."""
    put(str(path), data, like=str(like))
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
