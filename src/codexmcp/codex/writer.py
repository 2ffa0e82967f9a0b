"""Lookup of a thread's writer process.

Reads only. Linux only; on other systems, the writer is unknown.

Source: Codex from 0.153.4 on holds an flock(2) on `thread-writer-locks/<thread id>.lock` in its
home while a thread is loaded; proc_locks(5).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_LOCKS = Path("/proc/locks")
_FIELDS = 8


def writer_lock(home: Path, thread_id: str) -> Path:
    """Return the path of a thread's lock file; the file exists while the thread is loaded."""
    return home / "thread-writer-locks" / f"{thread_id}.lock"


def holder_of(home: Path, thread_id: str) -> int | None:
    """Return the process id of a thread's writer; None if absent or unknown."""
    try:
        status = writer_lock(home, thread_id).stat()
        locks = _LOCKS.read_text()
    except OSError:
        return None
    named = list(holders(locks, status.st_ino))
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
    for pid, at in named:
        if at == device:
            return pid
    # On some file systems, for example btrfs, the device in stat(2) differs from the kernel's.
    return next((pid for pid, _ in named if _has_open(pid, status)), None)


def holders(locks: str, inode: int) -> Iterator[tuple[int, str]]:
    """Yield the holders of an exclusive flock on an inode, as process id and device.

    Args:
        locks: The text of /proc/locks.
        inode: The inode's number.
    """
    for line in locks.splitlines():
        fields = line.split()
        # A waiter has an arrow as the second field.
        if len(fields) != _FIELDS or fields[1] != "FLOCK" or fields[3] != "WRITE":
            continue
        device, _, number = fields[5].rpartition(":")
        pid = fields[4]
        if number == str(inode) and pid.isascii() and pid.isdecimal() and int(pid) > 0:
            yield int(pid), device


def _has_open(pid: int, status: os.stat_result) -> bool:
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            # A descriptor may be closed meanwhile.
            with contextlib.suppress(OSError):
                if os.path.samestat(entry.stat(), status):
                    return True
    return False
