"""Ends what Codex leaves behind.

Source: a command that Codex is just starting when it is ended is not yet bound to Codex's life, and
would run on for ever (seen on 0.163.0, `codex exec` and `codex app-server`); and with full access a
command may leave processes of its own. Linux only; nothing happens elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

from codexmcp.appserver.child import live_children

SWEEP_S = 1.0
"""Bound on ending orphans: each that is killed may leave further ones."""

REAP_INTERVAL_S = 5.0
"""How often ended orphans are taken off the system's list of processes."""

_POLL_S = 0.005
_PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def orphans_ended(*, always: bool = False) -> Generator[None, None, None]:
    """Kill what was left behind during the block, when the block fails or is cancelled.

    Args:
        always: Kill it after a good end, too. Otherwise a command may leave something on purpose.
    """
    adopted = _adopt_orphans()
    before = _children()
    try:
        yield
    except BaseException:
        if adopted:
            _sweep(before)
        raise
    if adopted and always:
        _sweep(before)


@contextlib.asynccontextmanager
async def orphans_reaped() -> AsyncGenerator[None, None]:
    """Take orphans that end while the block runs off the list of processes."""
    before = _children()
    reaping = asyncio.create_task(_reap_for_ever(before))
    try:
        yield
    finally:
        reaping.cancel()
        await asyncio.wait({reaping})


async def _reap_for_ever(spared: set[int]) -> None:
    unowned: set[int] = set()
    while True:
        await asyncio.sleep(REAP_INTERVAL_S)
        before = unowned
        # asyncio waits for our own children itself.
        unowned = _children() - spared - live_children()
        # Only at the second sight: one of ours that was just forked has its owner by then.
        for pid in unowned & before:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait


def _adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent ends."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - costs 10 ms

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _sweep(spared: set[int]) -> None:
    deadline = time.monotonic() + SWEEP_S
    while (orphans := _children() - spared) and time.monotonic() < deadline:
        for pid in orphans:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_POLL_S)


def end_carriers(mark: str) -> list[int]:
    """Kill all processes of ours with an entry in their environment; return their ids.

    We ourselves, our own children and theirs are spared: whoever started us may have carried it.

    Args:
        mark: The entry, such as `CODEX_THREAD_ID=...`. Source: each command of Codex carries that
            one, and so does what it leaves behind (0.153.4, 0.163.0 and 0.169.0).
    """
    if sys.platform != "linux":
        return []
    deadline, ended = time.monotonic() + SWEEP_S, list[int]()
    # Again until none is found: one that was just starting another may have left that.
    while (found := _carriers(mark.encode())) and time.monotonic() < deadline:
        ended += [pid for pid in found if pid not in ended]
        time.sleep(_POLL_S)
    return ended


def _carriers(mark: bytes) -> list[int]:
    """Kill the carriers that there are now; return their ids."""
    return [int(each.name) for each in Path("/proc").glob("[0-9]*") if _kill_carrier(each, mark)]


def _kill_carrier(entry: Path, mark: bytes) -> bool:
    # Others' processes cannot be looked at, and one may end while it is.
    with contextlib.suppress(OSError):
        pid = int(entry.name)
        if entry.stat().st_uid != os.geteuid() or mark not in _environment(entry):
            return False
        # Held first and looked at again, so that no process that took over the id is killed.
        holder = os.pidfd_open(pid)
        try:
            if mark not in _environment(entry) or _is_ours(pid):
                return False
            signal.pidfd_send_signal(holder, signal.SIGKILL)
        finally:
            os.close(holder)
        return True
    return False


def _environment(entry: Path) -> list[bytes]:
    return (entry / "environ").read_bytes().split(b"\0")


def _is_ours(pid: int) -> bool:
    """Return whether a process is this one, or comes from a child that somebody here owns.

    An orphan that we have adopted is none of ours.
    """
    return pid == os.getpid() or not live_children().isdisjoint(_lineage(pid))


def _lineage(pid: int) -> list[int]:
    """Return a process, its parent, and so on."""
    lineage = [pid]
    while lineage[-1] > 1:
        # The second field, the name in parentheses, may hold spaces.
        status = Path(f"/proc/{lineage[-1]}/stat").read_text(errors="replace")
        lineage.append(int(status.rpartition(")")[2].split()[1]))
    return lineage


def _children() -> set[int]:
    children: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children.update(map(int, listing.read_text().split()))
    return children
