"""The system's processes, and signals safe from reused process ids.

Linux only; other systems show no processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path


def all_pids() -> Iterator[int]:
    """Yield all process ids."""
    for entry in Path("/proc").glob("[0-9]*"):
        yield int(entry.name)


def children_of(pid: int) -> set[int]:
    """Return the child processes of a process."""
    children: set[int] = set()
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children.update(map(int, listing.read_text().split()))
    return children


def lineage_of(pid: int) -> list[int]:
    """Return a process, its parent, and so on.

    Raises:
        OSError: A process has ended meanwhile.
    """
    lineage = [pid]
    while lineage[-1] > 1:
        lineage.append(int(_status_of(lineage[-1])[1]))
    return lineage


def is_stopped(pid: int) -> bool:
    """Return whether a process is stopped or has ended.

    Raises:
        OSError: The process is gone.
    """
    return _status_of(pid)[0] in "TtZX"


def namespaces_of(pid: int) -> int:
    """Return the number of pid namespaces that a process has an id in. Source: proc_pid_status(5).

    Raises:
        OSError: The process has ended, or may not be inspected.
    """
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    return next(len(line.split()) - 1 for line in lines if line.startswith("NSpid:"))


def arguments_of(pid: int) -> list[bytes]:
    """Return the command line of a process; empty after its end."""
    return _words_of(pid, "cmdline")


def environment_of(pid: int) -> list[bytes]:
    """Return the environment of a process; empty after its end, or for another user's process."""
    return _words_of(pid, "environ")


def thread_mark(thread_id: str = "") -> bytes:
    """Return the variable in the environment of a thread's commands; its prefix for any thread.

    Source: each command of Codex, and each process left behind, has the variable (0.153.4, 0.163.0
    and 0.171.0).
    """
    return f"CODEX_THREAD_ID={thread_id}".encode()


def send_if(pid: int, number: signal.Signals, is_meant: Callable[[], bool]) -> bool:
    """Send a signal to the intended process; return whether sent.

    Args:
        pid: The process id.
        number: The signal.
        is_meant: Checks the process. Called while a handle prevents confusion with another process:
            the process may have ended, and the id may be reused.
    """
    with contextlib.suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if is_meant():
                signal.pidfd_send_signal(handle, number)
                return True
        finally:
            os.close(handle)
    return False


def _words_of(pid: int, file: str) -> list[bytes]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{file}").read_bytes().split(b"\0")
    return []


def _status_of(pid: int) -> list[str]:
    """Return the state of a process, its parent, and so on. Source: proc_pid_stat(5)."""
    # The second field, the name in parentheses, may hold spaces.
    status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    return status.rpartition(")")[2].split()
