"""A census of processes by /proc, for tests that must leave none behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

BOUND_S = 30.0
"""Bound on what takes a moment when nobody else uses the machine."""
_POLL_S = 0.01


def processes_of(home: Path, variable: str = "CODEX_HOME") -> dict[int, str]:
    """Return the command lines of all live processes that work with a Codex home, by pid.

    The environment names the home, and it is inherited: so commands of Codex are found too, in
    whatever process group they are.
    """
    mark = f"{variable}={home}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may end while it is looked at, and others' may not be.
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = command_line(int(entry.name))
    return found


def group_of(leader: int) -> list[int]:
    """Return the live processes of a process group."""
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _parent, group = _stat(int(entry.name))[:3]
            if int(group) == leader and state not in "ZX":
                members.append(int(entry.name))
    return members


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that only waits to be reaped does not."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def command_line(pid: int) -> str:
    """Return a process's arguments, separated by spaces."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


async def until(reached: Callable[[], object], what: str) -> None:
    """Wait until something is true that has no event to wait for, such as a process's end."""
    try:
        async with asyncio.timeout(BOUND_S):
            while not reached():  # noqa: ASYNC110 - /proc has no event to wait for
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {BOUND_S:g} s: {what}") from None


def _stat(pid: int) -> list[str]:
    # The second field, the name in parentheses, may hold spaces.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
