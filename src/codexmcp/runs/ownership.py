"""The owners of runs, and their life.

An owner holds a lock file, unlocked by the kernel at the end of the process, and an id with the
identity of the process. A missing file proves nothing: an owner is dead only after the end of the
process.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from codexmcp.errors import StoreError
from codexmcp.own_files import open_lock
from codexmcp.runs.liveness import Held, Liveness
from codexmcp.runs.process_identity import ProcessIdentity, ProcessLife
from codexmcp.runs.store import Owner
from codexmcp.worker_thread import in_thread

_SUFFIX = ".lock"
_RELEASED = b"released\n"
_ID_SEPARATOR = "."

_LOCAL_TYPES = frozenset(
    ["bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"]
)
"""File systems mountable by only one kernel at a time."""


class _Lock(enum.Enum):
    HELD = enum.auto()
    FREE = enum.auto()
    RELEASED = enum.auto()
    MISSING = enum.auto()


class Ownership(Held):
    """This process's claim to its runs. Created by `take`."""

    def __init__(self, owner: Owner, fd: int) -> None:
        self._owner = owner
        self._fd = fd

    @property
    def owner(self) -> Owner:
        """See `Held.owner`."""
        return self._owner

    @classmethod
    def take(cls, folder: Path, *, socket: str, group: str) -> Ownership:
        """Become an owner: create a lock file with a new name, and lock the file.

        Args:
            folder: The folder with the lock files of a store's owners.
            socket: Path of the owner's socket; empty without a socket.
            group: The group of the owner's runs.

        Raises:
            StoreError: The file cannot be created.
        """
        process = ProcessIdentity.own()
        # In the id, because each run is stored with the id: the fact is known for the whole life of
        # the run.
        owner_id = f"{uuid.uuid4().hex}{_ID_SEPARATOR}{process}"
        path = folder / f"{owner_id}{_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = open_lock(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreError(
                f"cannot make the lock file {path}: {error.strerror}; runs cannot be owned without "
                "it: make the folder writable"
            ) from error
        return cls(Owner(owner_id, process.pid, socket, group), fd)

    def release(self) -> None:
        """Give up all runs. The file stays until `forget`; its content marks the release."""
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, _RELEASED, 0)
        os.close(self._fd)


class FlockLiveness(Liveness):
    """Liveness by lock files, for processes of one machine.

    Args:
        folder: The folder with the lock files of a store's owners.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def take(self, *, socket: str, group: str) -> Ownership:
        """See `Liveness.take`."""
        return await in_thread(lambda: Ownership.take(self._folder, socket=socket, group=group))

    async def dead(self, owners: Sequence[Owner]) -> list[Owner]:
        """See `Liveness.dead`."""
        if not owners:
            return []
        return await in_thread(
            lambda: [owner for owner in owners if is_dead(self._folder, owner.id)]
        )

    async def forget(self, owner: Owner) -> None:
        """See `Liveness.forget`."""
        await in_thread(lambda: forget(self._folder, owner.id))


def is_dead(folder: Path, owner_id: str) -> bool:
    """Return whether an owner's process has certainly ended.

    The process is judged by process id and start time. In another pid namespace, such as a
    container's, the lock decides, because the kernel is the same. After a reboot all owners of this
    host are dead. An owner on another host counts as alive, unless the file system cannot be
    shared.

    Args:
        folder: The folder with the lock files.
        owner_id: The owner's id.
    """
    lock = _look_at(folder / f"{owner_id}{_SUFFIX}")
    if lock in {_Lock.HELD, _Lock.RELEASED}:
        return lock is _Lock.RELEASED
    process = ProcessIdentity.parse(owner_id.partition(_ID_SEPARATOR)[2])
    if process is None:
        # An owner of version 0.1.0, without a process identity in its id.
        return True
    life = process.life()
    if life is not ProcessLife.UNKNOWN:
        return life is ProcessLife.ENDED
    return lock is _Lock.FREE if process.is_of_this_boot else _is_local(folder)


def forget(folder: Path, owner_id: str) -> None:
    """Delete the lock file of an ended owner."""
    with contextlib.suppress(OSError):
        (folder / f"{owner_id}{_SUFFIX}").unlink()


def _look_at(path: Path) -> _Lock:
    try:
        fd = open_lock(path, os.O_RDONLY)
    except FileNotFoundError:
        return _Lock.MISSING
    except OSError:
        # Nothing is known, and a living owner must keep its runs.
        return _Lock.HELD
    try:
        # Shared, so two asking processes do not mistake each other for the owner.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return _Lock.RELEASED if os.pread(fd, len(_RELEASED), 0) == _RELEASED else _Lock.FREE
    except OSError:
        return _Lock.HELD
    finally:
        os.close(fd)


def _is_local(folder: Path) -> bool:
    """Return whether a folder is on a file system not mountable by other machines.

    Source: proc_pid_mountinfo(5): the third field is the device, the type follows a lone dash.
    """
    with contextlib.suppress(OSError):
        device = folder.stat().st_dev
        name = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
            fields = line.split()
            if fields[2] == name:
                return fields[fields.index("-") + 1] in _LOCAL_TYPES
    return False
