"""A child process that cannot outlive its owner.

Promises: it leads a process group of its own, its stderr is always drained, every wait of `stop` is
bounded, and the whole group is killed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codexmcp.errors import CodexBinaryError
from codexmcp.jsonrpc.pipes import PipeStream

logger = logging.getLogger(__name__)

STDERR_TAIL_LINES = 20
"""Lines of stderr kept for an error message."""

_POLL_S = 0.005
_LAST_WORDS_S = 0.2
_STREAM_LIMIT_BYTES = 1024 * 1024
_PR_SET_PDEATHSIG = 1

_live: set[int] = set()


def live_children() -> frozenset[int]:
    """Return the process ids of the children that somebody here owns."""
    return frozenset(_live)


class Child:
    """A running child process. Make one with `Child.start`; end it with `stop`."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        name: str,
        on_stderr: Callable[[str], None] | None = None,
    ) -> None:
        self._process = process
        self._name = name
        self._on_stderr = on_stderr
        _live.add(process.pid)
        self._stderr: deque[str] = deque(maxlen=STDERR_TAIL_LINES)
        self._stderr_task = asyncio.create_task(self._keep_stderr())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        die_with_parent: bool = False,
        on_stderr: Callable[[str], None] | None = None,
    ) -> Child:
        """Start a program with pipes for stdin, stdout and stderr.

        Args:
            argv: The program's path and its arguments.
            env: Its whole environment.
            cwd: Its working directory; None means ours.
            die_with_parent: Have Linux kill it when our process dies. Needed for a program that
                does not notice the end of its stdin.
            on_stderr: Called with each line of its stderr, in order; must not block.

        Raises:
            CodexBinaryError: The program cannot be started.
        """
        try:
            # No await between the spawn and its owner: a cancellation there would leak the child.
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(env),
                cwd=cwd,
                process_group=0,
                limit=_STREAM_LIMIT_BYTES,
                preexec_fn=parent_death_hook() if die_with_parent else None,
            )
        except OSError as error:
            raise CodexBinaryError(
                f"cannot start {argv[0]}: {error.strerror}; name a working Codex binary in "
                "CODEX_BIN"
            ) from error
        return cls(process, Path(argv[0]).name, on_stderr)

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Pipe to the child's stdin."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Pipe from the child's stdout."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stream(self) -> PipeStream:
        """Both pipes as one byte stream."""
        return PipeStream(self.stdout, self.stdin)

    @property
    def stderr_tail(self) -> str:
        """The last lines the child wrote to stderr."""
        return "\n".join(self._stderr)

    async def last_words(self) -> str:
        """Return the last lines of stderr, once its end or `_LAST_WORDS_S` has come.

        An exit is noticed before what was written just before it has been read.
        """
        await asyncio.wait({self._stderr_task}, timeout=_LAST_WORDS_S)
        return self.stderr_tail

    def describe_exit(self) -> str:
        """Return one line that says how the child ended, or that it runs."""
        code = self.returncode
        if code is None:
            return f"{self._name} (pid {self.pid}) is running"
        if code >= 0:
            return f"{self._name} exited with code {code}"
        with contextlib.suppress(ValueError):
            return f"{self._name} was ended by {signal.Signals(-code).name}"
        return f"{self._name} was ended by signal {-code}"

    async def exited(self, timeout_s: float) -> bool:
        """Wait for the child's exit; return whether it came within the bound.

        Polls, because asyncio's own wait also waits for the end of every pipe, and a grandchild
        that holds one makes an exited child look alive.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._process.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self, *, eof_grace_s: float = 1.0, term_grace_s: float = 1.0) -> None:
        """End the child and its group: close stdin, then SIGTERM, then SIGKILL.

        Args:
            eof_grace_s: Seconds it may take to end after its stdin was closed; 0 skips the wait.
            term_grace_s: Seconds it may take to end after SIGTERM.
        """
        try:
            with contextlib.suppress(OSError):
                self.stdin.close()
            if not await self.exited(eof_grace_s):
                self.signal_group(signal.SIGTERM)
                if not await self.exited(term_grace_s):
                    logger.warning("%s (pid %d) ignored SIGTERM; killing it", self._name, self.pid)
        finally:
            # Also after a clean exit: whoever is left in the group is an orphan of ours.
            self.signal_group(signal.SIGKILL)
            await self._let_go()

    async def _let_go(self) -> None:
        """Give back what belongs to a child that was killed."""
        try:
            await self.exited(1.0)
            await self.last_words()
        finally:
            # asyncio keeps a pipe open until its end was read, and has no public way to close it.
            transport: asyncio.SubprocessTransport = vars(self._process)["_transport"]
            transport.close()
            _live.discard(self.pid)
            self._stderr_task.cancel()
            await asyncio.wait({self._stderr_task})

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group; nothing happens when it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _keep_stderr(self) -> None:
        assert self._process.stderr is not None
        pending = b""
        while data := await self._process.stderr.read(65536):
            *lines, pending = (pending + data)[-65536:].split(b"\n")
            for line in lines:
                self._keep_line(line)
        self._keep_line(pending)

    def _keep_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if not text:
            return
        self._stderr.append(text)
        logger.debug("%s: %s", self._name, text)
        if self._on_stderr is None:
            return
        try:
            self._on_stderr(text)
        except Exception:  # stderr must be drained whatever becomes of its lines
            logger.exception("keeping a line of %s's stderr failed", self._name)


def parent_death_hook(parent: int | None = None) -> Callable[[], None] | None:
    """Return what makes the kernel end the process that calls it together with its parent.

    A child calls it between fork and exec; it survives exec. None where the kernel cannot do it.

    Args:
        parent: The expected parent's process id; None means the process that asks for the hook.

    Source: prctl(2). The signal is tied to the parent's thread, so start such a child from a
    thread that lives as long as the program does.
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
