"""A child process that cannot outlive its owner.

Promises: the child leads its own process group, stderr is always drained, every wait of `stop` is
bounded, and the whole group is killed at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codexmcp.appserver.endings import explanation
from codexmcp.appserver.sandboxes import end_sandboxes
from codexmcp.appserver.spawn import Spawned, spawn
from codexmcp.appserver.stderr_lines import StderrLines
from codexmcp.jsonrpc.pipes import PipeStream

logger = logging.getLogger(__name__)

STDERR_TAIL_LINES = 20
"""Lines of stderr kept for an error message."""

Digest = Callable[[str], str | None]
"""Called with a line of stderr; returns the text to keep. None: keep nothing."""

_POLL_S = 0.001
_LAST_WORDS_S = 0.2
_STREAM_LIMIT_BYTES = 1024 * 1024
_KEPT_CHARACTERS = 65536

_live: set[int] = set()


def live_children() -> frozenset[int]:
    """Return the process ids of owned children."""
    return frozenset(_live)


class Child:
    """A running child process, created by `Child.start` and ended by `stop`."""

    def __init__(
        self,
        spawned: Spawned,
        on_stderr: Callable[[str], None] | None = None,
        digest: Digest | None = None,
    ) -> None:
        self._process = spawned.process
        self._name = spawned.name
        self._on_stderr = on_stderr
        self._digest = digest
        _live.add(self.pid)
        self._stderr: deque[str] = deque(maxlen=STDERR_TAIL_LINES)
        self._stderr_lines = StderrLines(spawned.stderr, self._keep_line)
        self._transports: list[asyncio.ReadTransport | asyncio.WriteTransport] = []

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        die_with_parent: bool = False,
        pass_fds: Sequence[int] = (),
        on_stderr: Callable[[str], None] | None = None,
        digest: Digest | None = None,
    ) -> Child:
        """Start a program with pipes for stdin, stdout and stderr.

        The arguments are those of `spawn` and `own`.

        Raises:
            CodexBinaryError: The program cannot be started.
        """
        spawned = spawn(argv, env=env, cwd=cwd, die_with_parent=die_with_parent, pass_fds=pass_fds)
        return await cls.own(spawned, on_stderr=on_stderr, digest=digest)

    @classmethod
    async def own(
        cls,
        spawned: Spawned,
        *,
        on_stderr: Callable[[str], None] | None = None,
        digest: Digest | None = None,
    ) -> Child:
        """Take ownership of a just started process.

        Args:
            spawned: The process.
            on_stderr: Called with each line of stderr, in order; must not block.
            digest: Called with each line first; its result replaces the line.
        """
        child = cls(spawned, on_stderr, digest)
        try:
            await child._connect()
        except BaseException:
            child.signal_group(signal.SIGKILL)
            await asyncio.shield(child._let_go())
            raise
        return child

    async def _connect(self) -> None:
        """Connect both pipes to the event loop."""
        loop = asyncio.get_running_loop()
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdout = asyncio.StreamReader(limit=_STREAM_LIMIT_BYTES)
        protocol = asyncio.StreamReaderProtocol(self._stdout)
        reading, _ = await loop.connect_read_pipe(lambda: protocol, process.stdout)
        self._transports.append(reading)
        # A protocol supported by `StreamWriter.wait_closed`; its reader stays unused.
        flow = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        writing, _ = await loop.connect_write_pipe(lambda: flow, process.stdin)
        self._transports.append(writing)
        self._stdin = asyncio.StreamWriter(writing, flow, None, loop)

    @property
    def pid(self) -> int:
        """Process id, equal to the process group id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal. None: running."""
        return self._process.poll()

    @property
    def stdin(self) -> asyncio.StreamWriter:
        """Pipe to the child's stdin."""
        return self._stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        """Pipe from the child's stdout."""
        return self._stdout

    @property
    def stream(self) -> PipeStream:
        """Both pipes as a single byte stream."""
        return PipeStream(self.stdout, self.stdin)

    @property
    def stderr_tail(self) -> str:
        """The last lines of the child's stderr."""
        return "\n".join(self._stderr)

    async def last_words(self) -> str:
        """Return the last lines of stderr, after the end of stderr or `_LAST_WORDS_S`.

        An exit is detected before the output written just before the exit has been read.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._stderr_lines.ended.wait()
        return self.stderr_tail

    def read_stderr(self) -> None:
        """Read the child's stderr up to now."""
        self._stderr_lines.read()

    def describe_exit(self) -> str:
        """Return a line about the child's exit or current state."""
        code = self.returncode
        if code is None:
            return f"{self._name} (pid {self.pid}) is running"
        if why := explanation(self._name, code, self.stderr_tail):
            return f"{_exit_of(self._name, code)}: {why}"
        return _exit_of(self._name, code)

    async def exited(self, timeout_s: float) -> bool:
        """Wait for the child's exit; return False after the bound.

        Polls: no thread and no signal handler needed.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.returncode is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def stop(self, *, eof_grace_s: float = 1.0, term_grace_s: float = 1.0) -> None:
        """End the child and its group: close stdin, then SIGTERM, then SIGKILL.

        Codex's sandboxed commands end first; see `sandboxes`.

        Args:
            eof_grace_s: Bound on the exit after the close of stdin, in seconds. 0: do not wait.
            term_grace_s: Bound on the exit after SIGTERM, in seconds.
        """
        try:
            await self.end_sandboxes()
            with contextlib.suppress(OSError):
                self.stdin.close()
            if not await self.exited(eof_grace_s):
                self.signal_group(signal.SIGTERM)
                if not await self.exited(term_grace_s):
                    logger.warning("%s (pid %d) ignored SIGTERM; killing it", self._name, self.pid)
        finally:
            # Also after a clean exit: remaining processes of the group are orphans.
            self.signal_group(signal.SIGKILL)
            await self._let_go()

    async def _let_go(self) -> None:
        """Release the resources of a killed child."""
        try:
            await self.exited(1.0)
            await self.last_words()
        finally:
            for transport in self._transports:
                transport.close()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
            _live.discard(self.pid)
            self._stderr_lines.close()

    async def end_sandboxes(self) -> None:
        """End the sandboxed commands, if the child is Codex."""
        if self.returncode is None:
            await end_sandboxes(self.pid)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group, if still alive."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _keep_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        try:
            kept = text if self._digest is None else self._digest(text)
            if not kept:
                return
            kept = kept[-_KEPT_CHARACTERS:]
            self._stderr.append(kept)
            logger.debug("%s: %s", self._name, kept)
            if self._on_stderr is not None:
                self._on_stderr(kept)
        except Exception:  # stderr must be drained whatever becomes of its lines
            logger.exception("keeping a line of %s's stderr failed", self._name)


def _exit_of(name: str, code: int) -> str:
    if code >= 0:
        return f"{name} exited with code {code}"
    with contextlib.suppress(ValueError):
        return f"{name} was ended by {signal.Signals(-code).name}"
    return f"{name} was ended by signal {-code}"
