"""Ends processes left behind by Codex.

Source: a command that is starting during Codex's end is not yet bound to Codex's life, and would
run for ever (seen on 0.163.0, `codex exec` and `codex app-server`); with full access, a command may
leave processes, too. Linux only; no effect on other systems.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Collection, Generator, Iterable
from pathlib import Path

from codexmcp.appserver.child import live_children
from codexmcp.appserver.processes import (
    all_pids,
    arguments_of,
    children_of,
    environment_of,
    lineage_of,
    namespaces_of,
    send_if,
    thread_mark,
)
from codexmcp.appserver.sandboxes import end_command, is_helper
from codexmcp.appserver.spawn import adopt_orphans

logger = logging.getLogger(__name__)

SWEEP_S = 1.0
"""Bound on ending orphans: a killed orphan may leave further orphans."""

REAP_INTERVAL_S = 5.0
"""Interval between removals of ended orphans from the process table."""

_POLL_S = 0.005


@contextlib.contextmanager
def orphans_ended(
    *, always: bool = False, spared: Collection[int] | None = None
) -> Generator[None, None, None]:
    """Kill the orphans of the block, if the block fails or is cancelled.

    Args:
        always: Kill the orphans after success, too. Otherwise a command may leave processes on
            purpose.
        spared: Process ids of children other than orphans. None: all children at the beginning.
    """
    adopted = adopt_orphans()
    before = _children() if spared is None else set(spared)
    try:
        yield
    except BaseException:
        if adopted:
            _sweep(before)
        raise
    if adopted and always:
        _sweep(before)


@contextlib.asynccontextmanager
async def orphans_reaped(spared: Collection[int] | None = None) -> AsyncGenerator[None, None]:
    """Reap ended orphans during the block.

    Leftovers of sandboxes from an earlier server are ended, too.

    Args:
        spared: Process ids of children other than orphans. None: all children at the beginning.
    """
    before = _children() if spared is None else set(spared)
    reaping = asyncio.create_task(_reap_for_ever(before))
    try:
        yield
    finally:
        reaping.cancel()
        await asyncio.wait({reaping})


async def _reap_for_ever(spared: set[int]) -> None:
    unowned: set[int] = set()
    await asyncio.sleep(REAP_INTERVAL_S)
    if lost := await asyncio.to_thread(end_lost_sandboxes):
        logger.warning("ended what dead sandboxes have left: %s", lost)
    while True:
        await asyncio.sleep(REAP_INTERVAL_S)
        before = unowned
        # asyncio waits for owned children.
        unowned = _children() - spared - live_children()
        # Only at the second sight: a just forked child has an owner by then.
        for pid in unowned & before:
            with contextlib.suppress(OSError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait


def _sweep(spared: set[int]) -> None:
    began = time.monotonic()
    while (orphans := _children() - spared) and time.monotonic() < began + SWEEP_S:
        for pid in orphans:
            with contextlib.suppress(OSError):
                if not _tidies_up(pid, began):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_POLL_S)


def _tidies_up(pid: int, began: float) -> bool:
    """End the command of a sandbox helper; return whether the helper may have a moment to exit.

    False for any other process.
    """
    if time.monotonic() > began + SWEEP_S / 2 or not is_helper(pid):
        return False
    end_command(pid)
    return True


def orphaned_threads(home: Path) -> set[str]:
    """Return the threads with a sandboxed command that outlived its Codex.

    Args:
        home: The Codex home. Source: the path of Codex's sandbox helper is below the home (0.153.4,
            0.163.0 and 0.171.0).
    """
    marks = (_mark_of(pid) for pid in all_pids() if is_helper(pid, below=home) and _is_left(pid))
    return {mark.removeprefix(thread_mark()).decode(errors="replace") for mark in marks if mark}


def _is_left(pid: int) -> bool:
    """Return whether a helper has no Codex among its ancestors.

    Source: helper and Codex are the same program.
    """
    with contextlib.suppress(OSError):
        _, *ancestors = lineage_of(pid)
        return not any(_is_same_program(pid, each) for each in ancestors)
    return False


def _is_same_program(pid: int, other: int) -> bool:
    # The adopting process may belong to another user.
    with contextlib.suppress(PermissionError):
        return Path(f"/proc/{pid}/exe").samefile(f"/proc/{other}/exe")
    return False


def _mark_of(pid: int) -> bytes:
    """Return the thread mark of a command's process; empty without a mark."""
    marks = (each for each in environment_of(pid) if each.startswith(thread_mark()))
    return next(marks, b"")


def end_lost_sandboxes() -> list[int]:
    """Kill the inner processes of sandboxes with ended outer processes; return the process ids.

    Source: the inner process of a bubblewrap killed during its start waits for ever. Codex kills
    sandboxes this way at the end of stdin (0.163.0). In read-only mode the outer process is a child
    of Codex, in workspace-write one of the sandbox's helper (0.163.0).
    """
    lost = (pid for pid in all_pids() if _is_lost(pid))
    return [pid for pid in lost if send_if(pid, signal.SIGKILL, functools.partial(_is_lost, pid))]


def _is_lost(pid: int) -> bool:
    if not _is_bubblewrap(pid) or not _mark_of(pid):
        return False
    with contextlib.suppress(OSError):
        parent = lineage_of(pid)[1]
        # An outer process, which Codex itself may have started, is in the namespace of its parent.
        is_inner = namespaces_of(pid) > namespaces_of(parent)
        return is_inner and not _is_bubblewrap(parent)
    return False


def _is_bubblewrap(pid: int) -> bool:
    program, *arguments = arguments_of(pid) or [b""]
    return program.rpartition(b"/")[2] == b"bwrap" and b"--die-with-parent" in arguments


def end_carriers(threads: Iterable[str]) -> list[int]:
    """Kill all own processes that are, or were left by, commands of threads; return the ids.

    This process, its children and their descendants are spared: the starter of this process may
    have a mark.

    Args:
        threads: The thread ids.
    """
    if sys.platform != "linux":
        return []
    began, ended = time.monotonic(), list[int]()
    # Repeat until none is found: a carrier may have just started another process.
    sought = frozenset(map(thread_mark, threads))
    while (found := _carriers(sought, began)) and time.monotonic() < began + SWEEP_S:
        ended += [pid for pid in found if pid not in ended]
        time.sleep(_POLL_S)
    return ended


def _carriers(marks: frozenset[bytes], began: float) -> list[int]:
    """Kill the current carriers; return the process ids."""
    return [pid for pid in all_pids() if _kill_carrier(pid, marks, began)]


def _kill_carrier(pid: int, marks: frozenset[bytes], began: float) -> bool:
    def is_one() -> bool:
        return not marks.isdisjoint(environment_of(pid)) and not _is_ours(pid)

    # Other users' processes are unreadable, and a process may end meanwhile.
    with contextlib.suppress(OSError):
        if Path(f"/proc/{pid}").stat().st_uid == os.geteuid() and is_one():
            return _tidies_up(pid, began) or send_if(pid, signal.SIGKILL, is_one)
    return False


def end_adopted(threads: Iterable[str]) -> None:
    """Kill adopted orphans of the threads' commands."""
    marks = frozenset(map(thread_mark, threads))
    for pid in _children() - live_children():
        if not marks.isdisjoint(environment_of(pid)):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _is_ours(pid: int) -> bool:
    """Return whether a process is this process or a descendant of an owned child.

    False for an adopted orphan.
    """
    return pid == os.getpid() or not live_children().isdisjoint(lineage_of(pid))


def _children() -> set[int]:
    return children_of(os.getpid())
