"""Ends the sandboxed commands of a Codex process without leftovers in the project.

Source: Codex creates mount points (`.git`, `.codex`, `.agents`, `.aws`) in each writable folder,
and its helper `codex-linux-sandbox` removes the created mount points after the command. At the end
of stdin, at SIGTERM and for `thread/backgroundTerminals/clean`, Codex kills the helper as well, and
the empty folders stay. After a kill of Codex, the folders are removed (0.153.4, 0.163.0 and
0.171.0). So the command is killed below the helper. Linux only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

from codexmcp.appserver.processes import (
    all_pids,
    arguments_of,
    children_of,
    environment_of,
    is_stopped,
    send_if,
    thread_mark,
)

TIDY_S = 1.0
"""Bound on the end of the helpers, which takes 0.03 to 0.12 s."""

_HELPER = "codex-linux-sandbox"
_POLL_S = 0.005
_STANDSTILL_S = 0.02


async def end_sandboxes(codex: int) -> None:
    """End all sandboxed commands of a Codex process, stopped meanwhile to start no command.

    Args:
        codex: Process id of an own child, not yet waited for.
    """
    if _helpers_of(codex):
        with _held(codex):
            await _ended(codex, b"")


async def end_sandboxes_of_thread(codex: int, thread_id: str) -> None:
    """End the sandboxed commands of a thread, before Codex kills them.

    Args:
        codex: Process id of the app-server.
        thread_id: The thread.
    """
    await _ended(codex, thread_mark(thread_id))


async def end_commands_of_thread(codex: int, thread_id: str) -> None:
    """End all commands of a thread, sandboxed or not.

    Args:
        codex: Process id of the app-server.
        thread_id: The thread, without a running turn.
    """
    await end_sandboxes_of_thread(codex, thread_id)
    for child in children_of(codex):
        if thread_mark(thread_id) in environment_of(child):
            _end(codex, child)


async def _ended(codex: int, mark: bytes) -> None:
    """End the commands of the helpers with a mark, and wait for the helpers."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TIDY_S):
            while helpers := _helpers_of(codex, mark):
                for helper in helpers:
                    end_command(helper)
                await asyncio.sleep(_POLL_S)


def end_command(helper: int) -> None:
    """Kill all processes below a helper; the helper then cleans up and exits."""
    # Before the helper has installed a handler, SIGTERM would kill the helper.
    for child in children_of(helper):
        _end(helper, child)


def _end(parent: int, child: int) -> None:
    """Kill a child of a process, with all descendants."""

    def is_child() -> bool:
        return child in children_of(parent)

    # Stop the child first: a grandchild started now would wait for ever. Source: bubblewrap binds
    # its inner process to its own life only after the inner process has begun.
    if send_if(child, signal.SIGSTOP, is_child):
        _await_stop(child)
        end_command(child)
        send_if(child, signal.SIGKILL, is_child)


def _await_stop(pid: int) -> None:
    """Wait until a process is stopped; within a system call, stopping takes a moment."""
    deadline = time.monotonic() + _STANDSTILL_S
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline and not is_stopped(pid):
            time.sleep(_STANDSTILL_S / 100)


def is_helper(pid: int, folder: str = "", *, below: Path = Path("/")) -> bool:
    """Return whether a process is a living helper of Codex's sandbox.

    Args:
        pid: The process.
        folder: The helper's folder; empty: any folder.
        below: Folder above the helper's program.
    """
    program, *arguments = arguments_of(pid) or [b""]
    path = Path(os.fsdecode(program))
    is_one = path.name == _HELPER and path.is_relative_to(below)
    return is_one and os.fsencode(folder) in b"\0".join(arguments)


def is_sandboxed(folder: str) -> bool:
    """Return whether a sandboxed command of any Codex works in a folder; False off Linux."""
    return any(is_helper(pid, folder) for pid in all_pids())


def _helpers_of(codex: int, mark: bytes = b"") -> list[int]:
    helpers = [pid for pid in children_of(codex) if is_helper(pid)]
    return [pid for pid in helpers if not mark or mark in environment_of(pid)]


@contextlib.contextmanager
def _held(pid: int) -> Generator[None, None, None]:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
