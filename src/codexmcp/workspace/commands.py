"""Runs a program of this machine to its end, for a tool: bounded, confined, with little around it.

Promises that the program's whole process group is gone when `run` is, however that ends, and that
it sees nothing of our environment but what it was given. Must not know which program it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.errors import CodexBinaryError, WorkspaceError
from codexmcp.run_settings import NETWORK_VARIABLES

_READ_BYTES = 65536
_EXIT_BOUND_S = 5.0
"""How long a program may live on after it has closed its stdout."""

_TERM_GRACE_S = 2.0
"""For lock files: git removes its own on SIGTERM."""

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
class Command:
    """What to run.

    Attributes:
        argv: The program's absolute path and its arguments.
        cwd: Its folder; `ConfinedDir.child_cwd` where nobody may swap it.
        env: Its whole environment.
        stdin: What it reads.
        max_bytes: How much of its output is kept.
        keeps_tail: Whether that is the end of it; else the beginning.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    stdin: bytes = b""
    max_bytes: int = 1024 * 1024
    keeps_tail: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A program that has ended.

    Attributes:
        code: Its exit code, negative for a signal.
        out: What it wrote to stdout, as much as was to be kept.
        err: The last lines that it wrote to stderr.
        is_cut: Whether some of its output is missing.
    """

    code: int
    out: bytes
    err: str
    is_cut: bool


async def run(command: Command) -> Ended:
    """Run a program; when this is cancelled, such as by a timeout, it is ended with its group.

    Raises:
        WorkspaceError: It cannot be started, or goes on with its output closed.
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
    return Ended(child.returncode, out, err, is_cut)


def passed_environment(
    env: Mapping[str, str], further: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return what a program may see of an environment: nothing that is a secret by its name.

    Args:
        env: Our environment.
        further: Names that this program needs beside the usual ones.
    """
    kept = {name: env[name] for name in sorted(_PASSED | further) if env.get(name)}
    # Messages are read by programs, and by models that know the English ones.
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", **kept, "LC_ALL": "C.UTF-8"}


def safe_path(path: str, folders: Sequence[str]) -> str:
    """Return a PATH without what others could put programs in.

    Args:
        path: Folders with `os.pathsep` between them; relative ones are left out.
        folders: Real paths of folders that others write to; what lies in them is left out.
    """
    kept = [part for part in path.split(os.pathsep) if part.startswith("/")]
    inside = tuple(Path(folder) for folder in folders)
    return os.pathsep.join(
        part
        for part in kept
        if not any(Path(os.path.realpath(part)).is_relative_to(folder) for folder in inside)
    )


def find_program(name: str, path: str) -> str | None:
    """Return the absolute path of a program on a PATH; None when there is none.

    Args:
        name: Its name, or its absolute path.
        path: Where to look.
    """
    found = shutil.which(name, path=path)
    return found if found is None or Path(found).is_absolute() else None


async def _read(
    stream: asyncio.StreamReader, max_bytes: int, *, keeps_tail: bool
) -> tuple[bytes, bool]:
    """Return what comes to its end, cut to a size, and whether it was cut."""
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
    # A program that does not want to read all of it may be right.
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(data), _READ_BYTES):
            stream.write(data[start : start + _READ_BYTES])
            await stream.drain()
    with contextlib.suppress(OSError):
        stream.close()
