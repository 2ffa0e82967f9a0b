"""Run a local program to its end for a tool: bounded, confined, with a minimal environment.

Guarantees: the program's process group is gone when `run` returns or raises, and its environment
contains only the given variables. Must not depend on a particular program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexBinaryError, WorkspaceError
from codexmcp.run_settings import NETWORK_VARIABLES

_READ_BYTES = 65536
_EXIT_BOUND_S = 5.0
"""Bound on a program's life after the end of its stdout."""

_TERM_GRACE_S = 2.0
"""Time for the removal of lock files: git removes its own on SIGTERM."""

_PASSED = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TZ",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
        "DBUS_SESSION_BUS_ADDRESS",
        *NETWORK_VARIABLES,
    ]
)


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """A program to run.

    Attributes:
        argv: The program's absolute path and its arguments.
        cwd: The working directory; `ConfinedDir.child_cwd` for protection against replacement.
        env: The whole environment.
        stdin: The data for stdin.
        max_bytes: Bound on the output kept.
        keeps_tail: Keep the end of the output instead of the beginning.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    stdin: bytes = b""
    max_bytes: int = 1024 * 1024
    keeps_tail: bool = False


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a program.

    Attributes:
        code: The exit code, negative for a signal.
        out: The stdout, up to the bound.
        err: The last lines of stderr.
        is_cut: Some output is missing.
    """

    code: int
    out: bytes
    err: str
    is_cut: bool


async def run(command: ChildCommand) -> CommandResult:
    """Run a program; a cancellation, such as a timeout, ends its process group.

    Raises:
        WorkspaceError: The program does not start, or does not end after closing its output.
    """
    try:
        child = await Child.start(command.argv, env=command.env, cwd=Path(command.cwd))
    except CodexBinaryError as error:
        cause = error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else error
        raise WorkspaceError(
            f"cannot start {command.argv[0]} in {command.cwd}: {reason}; repair its installation"
        ) from None
    try:
        (out, is_cut), _ = await asyncio.gather(
            _read(child.stdout, command.max_bytes, keeps_tail=command.keeps_tail),
            _write(child.stdin, command.stdin),
        )
        if not await child.exited(_EXIT_BOUND_S):
            raise WorkspaceError(
                f"{command.argv[0]} closed its output, but did not end; it was ended"
            )
        err = await child.last_words()
    finally:
        await child.stop(eof_grace_s=0, term_grace_s=_TERM_GRACE_S)
    assert child.returncode is not None
    return CommandResult(child.returncode, out, err, is_cut)


def passed_environment(
    env: Mapping[str, str], further: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return the variables for a program, without likely secrets by name.

    Args:
        env: Our environment.
        further: Names needed in addition to the usual variables.
    """
    kept = {name: env[name] for name in sorted(_PASSED | further) if env.get(name)}
    # Programs and models read the messages, and expect English.
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, "LC_ALL": "C.UTF-8"}


def safe_path(path: str, folders: Sequence[str]) -> str:
    """Return a PATH without folders writable by others.

    Args:
        path: Folders separated by `os.pathsep`; relative folders are removed.
        folders: Real paths of folders writable by others; they and their sub-folders are removed.
    """
    kept = [part for part in path.split(os.pathsep) if part.startswith("/")]
    inside = tuple(Path(folder) for folder in folders)
    return os.pathsep.join(
        part
        for part in kept
        if not any(Path(os.path.realpath(part)).is_relative_to(folder) for folder in inside)
    )


def find_program(name: str, path: str) -> str | None:
    """Return the absolute path of a program on a PATH, or None.

    Args:
        name: A name or an absolute path.
        path: The PATH to search.
    """
    found = shutil.which(name, path=path)
    return found if found is None or Path(found).is_absolute() else None


async def _read(
    stream: asyncio.StreamReader, max_bytes: int, *, keeps_tail: bool
) -> tuple[bytes, bool]:
    """Return the whole stream within a bound, and True if data was dropped."""
    kept, is_cut = bytearray(), False
    while data := await stream.read(_READ_BYTES):
        kept += data
        if len(kept) > max_bytes:
            is_cut = True
            if keeps_tail:
                del kept[:-max_bytes]
            else:
                del kept[max_bytes:]
    return bytes(kept), is_cut


async def _write(stream: asyncio.StreamWriter, data: bytes) -> None:
    # A program may legitimately stop reading early.
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(data), _READ_BYTES):
            stream.write(data[start : start + _READ_BYTES])
            await stream.drain()
    with contextlib.suppress(OSError):
        stream.close()
