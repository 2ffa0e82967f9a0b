"""The registry of the supervisors of a Codex home: a locked file in the home for each.

Promises: a home has one supervisor per set of credentials, even after the loss of sockets and
runtime folders. Imports nothing heavy, because a relay reads the registry at its start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.own_files import open_lock
from codexmcp.runs.process_identity import ProcessIdentity, ProcessLife, command_line

ALREADY_RUNS = "a supervisor already runs for this Codex home and these credentials"
"""Beginning of the error for a second supervisor."""

_SUFFIX = ".lock"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SupervisorEntry:
    """A living supervisor, the holder of the lock on a file.

    Attributes:
        lock: The file.
        process: The supervisor; None during the write of the entry.
        socket: The socket for clients; empty during the start and the end of the supervisor.
    """

    lock: Path
    process: ProcessIdentity | None
    socket: str

    @property
    def id(self) -> str:
        """The id of the address: a hash of home and credentials."""
        return self.lock.name.removesuffix(_SUFFIX)

    @property
    def lives(self) -> bool:
        """True while the process runs or holds the lock."""
        if self.is_here:
            return True
        now = entry(self.lock)
        return now is not None and (self.process is None or now.process == self.process)

    @property
    def is_here(self) -> bool:
        """True for a process of this host and container, a safe target of a signal."""
        process = self.process
        if process is None or process.life() is not ProcessLife.RUNNING:
            return False
        # Start times have a resolution of 10 ms, so the command line is checked as well.
        return "serve" in command_line(process.pid)

    @property
    def is_elsewhere(self) -> bool:
        """True for a supervisor on another host or in another container."""
        return self.process is not None and self.process.life() is ProcessLife.UNKNOWN


def entry(lock: Path) -> SupervisorEntry | None:
    """Return the entry of a supervisor; None without a living supervisor.

    Args:
        lock: The file of the entry; see `Address.lock`.
    """
    try:
        fd = open_lock(lock, os.O_RDONLY)
    except OSError:
        return None
    try:
        if _is_free(fd):
            return None
        fields = _fields(os.pread(fd, _MAX_BYTES, 0))
    finally:
        os.close(fd)
    process = ProcessIdentity.parse(text_of(fields.get("process")) or "")
    return SupervisorEntry(lock, process, text_of(fields.get("socket")) or "")


def entries(registry: Path) -> list[SupervisorEntry]:
    """Return the entries of the living supervisors of a home.

    Args:
        registry: The folder with the entries; see `address.registry_of`.
    """
    found = map(entry, sorted(registry.glob(f"*{_SUFFIX}")))
    return [each for each in found if each is not None]


class AddressClaim:
    """The lock of this process on an entry, made by `take`."""

    def __init__(self, lock: Path, fd: int) -> None:
        self._lock = lock
        self._fd = fd
        self._socket = ""

    @classmethod
    def take(cls, lock: Path) -> AddressClaim | None:
        """Become the supervisor of an address; return None if another process holds the lock.

        Raises:
            OSError: The file cannot be made.
        """
        fd = _locked(lock)
        if fd is None:
            return None
        claim = cls(lock, fd)
        claim.tell("")
        return claim

    def tell(self, socket: str) -> None:
        """Write the socket of this supervisor; empty during the start and the end.

        Raises:
            OSError: The file cannot be written to.
        """
        self._socket = socket
        fields = {"process": str(ProcessIdentity.own()), "socket": socket}
        data = json.dumps(fields).encode() + b"\n"
        # Write before truncate: a reader never finds an empty file.
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))

    def keep(self) -> bool:
        """Make a deleted file again; return True if the claim holds.

        The claim is lost when another process locked a new file first. The other process finds
        this supervisor in the store, and ends.

        Raises:
            OSError: The file cannot be made.
        """
        with contextlib.suppress(OSError):
            if os.path.samestat(self._lock.lstat(), os.fstat(self._fd)):
                return True
        fd = _locked(self._lock)
        if fd is None:
            return False
        os.close(self._fd)
        self._fd = fd
        self.tell(self._socket)
        return True

    def release(self) -> None:
        """Release the lock. The file stays, because a lock is on a file and not on a name."""
        os.close(self._fd)


def _locked(lock: Path) -> int | None:
    """Lock a file and return its descriptor; None if another process holds the lock."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = open_lock(lock)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return fd


def _is_free(fd: int) -> bool:
    try:
        # Shared, because two checks at once must not mistake each other for the supervisor.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _fields(data: bytes) -> dict[str, object]:
    try:
        return object_of(json.loads(data))
    except (ValueError, RecursionError):
        return {}
