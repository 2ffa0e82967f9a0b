"""Start of a child process, before or without an event loop.

Promises: a child without an owner ends together with this process. Imports no event loop, so a
program can start Codex first and import the rest meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexBinaryError
from codexmcp.network import direct_to_loopback

MAX_DESCRIPTORS = 10_240
"""More than this macOS refuses, and nobody needs it."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OF_THE_BINARY = {errno.ENOENT, errno.ENOEXEC, errno.EACCES, errno.EPERM, errno.EISDIR}


@dataclass(frozen=True, slots=True)
class Spawned:
    """A just started child process.

    Attributes:
        name: The program's name.
        process: The process, with pipes for stdin and stdout.
        stderr: The reading end of the pipe for stderr.
    """

    name: str
    process: subprocess.Popen[bytes]
    stderr: int


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    die_with_parent: bool = False,
    pass_fds: Sequence[int] = (),
) -> Spawned:
    """Start a program in its own process group, with pipes for stdin, stdout and stderr.

    Args:
        argv: The program's path and arguments.
        env: The whole environment; an exception from proxies for loopback is added.
        cwd: The working directory. None: inherited.
        die_with_parent: Let Linux kill the child at the death of this process, for programs that
            ignore the end of stdin.
        pass_fds: Inherited descriptors, with unchanged numbers.

    Raises:
        CodexBinaryError: The program cannot be started.
    """
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=writing,
            env=direct_to_loopback(env),
            cwd=cwd,
            pass_fds=pass_fds,
            process_group=0,
            # Two system calls, without a lock that another thread could hold.
            preexec_fn=parent_death_hook() if die_with_parent else None,  # noqa: PLW1509
        )
    except OSError as error:
        os.close(reading)
        raise CodexBinaryError(
            f"cannot start {argv[0]}: {error.strerror}; {_remedy(error)}"
        ) from error
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return Spawned(Path(argv[0]).name, process, reading)


def spawn_server(options: LaunchOptions) -> Spawned:
    """Start an app-server.

    Raises:
        CodexBinaryError: The program cannot be started.
    """
    return spawn(
        options.argv(),
        env=options.environment,
        cwd=options.cwd,
        # Killed with us, it leaves no empty folders in the project; at the end of its stdin it
        # would. See `sandboxes`.
        die_with_parent=True,
    )


def raise_descriptor_limit() -> None:
    """Let Codex open as many files as the system allows.

    Source: it needs two descriptors for each loaded thread and does not raise the limit itself; at
    256, the default of macOS, it fails after about 100 threads (measured on 0.163.0).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose parent ends; return whether the system can.

    Source: prctl(2). An orphan from before the call belongs to an ancestor of this process.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - as below

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def parent_death_hook(parent: int | None = None) -> Callable[[], None] | None:
    """Return a function that binds the life of the calling process to its parent, in the kernel.

    A child calls the function between fork and exec; the effect survives exec. None if the kernel
    has no such feature.

    Args:
        parent: The expected parent's process id. None: the current process.

    Source: prctl(2). The signal is tied to the parent's thread, so start such a child from a thread
    that lives as long as the program.
    """
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - costs 10 ms, and few children need it

    prctl = ctypes.CDLL(None, use_errno=True).prctl
    expected = os.getpid() if parent is None else parent

    def die_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have died before the call took effect.
        if os.getppid() != expected:
            os._exit(1)

    return die_with_parent


def _remedy(error: OSError) -> str:
    """Return the remedy for a failed start: the cause may be the binary or the machine."""
    if error.errno in _OF_THE_BINARY:
        return "name a working Codex binary in CODEX_BIN"
    return "see that neither memory nor descriptors nor processes (`ulimit -n -u`) have run out"
