"""Who works on runs: a lock file that a process holds for as long as it lives.

The kernel lets go of the lock when the process ends, however that happens, so neither a clock nor
a process id has to be trusted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

from codexmcp.errors import StoreError
from codexmcp.runs.store import Owner

_SUFFIX = ".lock"


class Ownership:
    """This process's claim to the runs that it works on. Make one with `take`."""

    def __init__(self, owner: Owner, path: Path, fd: int) -> None:
        self.owner = owner
        self._path = path
        self._fd = fd

    @classmethod
    def take(cls, folder: Path, *, socket: str, group: str) -> Ownership:
        """Become an owner: make a lock file of a name that nobody had, and lock it.

        Args:
            folder: Where the lock files of a store's owners lie.
            socket: Path of the socket that the owner answers on; empty for none.
            group: The runs it may work on.

        Raises:
            StoreError: The file cannot be made.
        """
        owner = Owner(uuid.uuid4().hex, os.getpid(), socket, group)
        path = folder / f"{owner.id}{_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError(
                f"cannot make the lock file {path}: {error.strerror}; runs cannot be owned without "
                "it: make the folder writable"
            ) from error
        return cls(owner, path, fd)

    def release(self) -> None:
        """Own nothing any more."""
        # In this order: a file without a lock is an owner that died.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._fd)


def is_dead(folder: Path, owner_id: str) -> bool:
    """Return whether an owner's process has ended.

    Args:
        folder: Where the lock files lie.
        owner_id: The owner's id.
    """
    try:
        fd = os.open(folder / f"{owner_id}{_SUFFIX}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        # Nothing is known, and a run must not be taken from somebody who lives.
        return False
    try:
        # Shared, so that two who ask do not take each other for the owner.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def forget(folder: Path, owner_id: str) -> None:
    """Delete the lock file of an owner that has ended."""
    with contextlib.suppress(OSError):
        (folder / f"{owner_id}{_SUFFIX}").unlink()
