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


def _children() -> set[int]:
    children: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children.update(map(int, listing.read_text().split()))
    return children
