"""A `codex app-server` on a unix socket, with any number of connections.

Owns the process, the socket file and the wait for the start. Promises: the process ends with the
block, and with this process; every connection then ends with the cause and the last words.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.not_started import did_not_start, informative_lines
from codexmcp.appserver.socket_file import prepare_socket, remove_socket, stable_path
from codexmcp.appserver.startup import StartCollisionError, StartupWait
from codexmcp.appserver.tool_log import ToolLog
from codexmcp.appserver.websocket import WebSocketStream
from codexmcp.data_classes import replace
from codexmcp.errors import AppServerClosedError

START_TIMEOUT_S = 30.0
"""Bound on the start until connections are accepted; a start took 0.1 s here, 0.2 s with a new
home."""

_POLL_S = 0.005
# An idle app-server ended within 0.03 s of SIGTERM, a busy one within 0.03 s of the second.
_FIRST_TERM_GRACE_S = 0.3
_READ_BYTES = 65536


class SharedAppServer:
    """An app-server shared by several connections, created by `launch`."""

    def __init__(self, child: Child, options: LaunchOptions, socket: Path, log: ToolLog) -> None:
        self._child = child
        self._log = log
        self._options = options
        self.socket = socket
        """The socket's path."""
        self.stable_socket = socket
        """A path to the socket that stays valid after a deletion of `socket` (Linux only)."""
        self._draining = asyncio.create_task(_drain(child.stdout))

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        options: LaunchOptions,
        socket: Path,
        *,
        on_stderr: Callable[[str], None] | None = None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> AsyncGenerator[SharedAppServer, None]:
        """Start an app-server on a unix socket, and end the process with the block.

        Args:
            options: Launch options; `opt_out` is ignored, see `connect`. A `listen` is the address
                as seen by app-server, and `socket` is the path here.
            socket: Absolute path of the socket. The folder is created, with private access; a stale
                socket of a killed app-server is replaced.
            on_stderr: Called with each line of stderr; must not block.
            timeout_s: Bound on the start, in seconds; extended while past conversations are
                indexed.

        Raises:
            ConfigurationError: The path is unusable for an own socket.
            CodexBinaryError: The binary cannot be started.
            AppServerClosedError: The process ended, or accepted no connection in time.
        """
        startup = StartupWait(options, on_stderr)
        async with contextlib.AsyncExitStack() as stack:

            async def start() -> SharedAppServer:
                prepare_socket(socket)
                starting = cls._started(options, socket, startup, timeout_s)
                return await stack.enter_async_context(starting)

            yield await startup.run(start)

    @classmethod
    @contextlib.asynccontextmanager
    async def _started(
        cls, options: LaunchOptions, socket: Path, startup: StartupWait, timeout_s: float
    ) -> AsyncGenerator[SharedAppServer, None]:
        log = ToolLog()
        # Before the start: another process may replace the folder from now on.
        folder = _identity(socket.parent)
        child = await Child.start(
            replace(options, listen=options.listen or f"unix://{socket}").argv(),
            # Source: otherwise Codex colours its stderr, even without a terminal.
            env={"NO_COLOR": "1", **options.environment},
            cwd=options.cwd,
            # With a listening socket, Codex ignores the end of stdin.
            die_with_parent=True,
            on_stderr=startup.on_stderr,
            digest=log.digest,
        )
        server = cls(child, options, socket, log)
        with contextlib.ExitStack() as held:
            try:
                await server._wait_until_it_accepts(startup, folder, timeout_s)
                server.stable_socket = held.enter_context(stable_path(socket))
                if server.stable_socket == socket and _identity(socket) is None:
                    raise _SocketRemovedError(socket)
                yield server
            finally:
                await asyncio.shield(server._stop())

    @property
    def pid(self) -> int:
        """Process id of the app-server."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """The process has ended."""
        return self._child.returncode is not None

    @contextlib.asynccontextmanager
    async def connect(
        self,
        *,
        opt_out: Sequence[str] = (),
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Open a connection, shake hands, and close the connection with the block.

        Args:
            opt_out: Notifications to suppress on this connection.
            on_request: Answers Codex's requests; see `AppServer.launch`. Source: every connection
                that has loaded the thread gets each request, and the first answer counts.
            pace: Awaited after each batch of events.

        Raises:
            AppServerClosedError: The process has ended, or does not answer.
        """
        peer = _SocketPeer(self._child, await self._open())
        options = replace(self._options, opt_out=tuple(opt_out))
        async with AppServer.attach(
            peer, options, on_request=on_request, pace=pace, log=self._log
        ) as server:
            yield server

    async def answers(self, timeout_s: float) -> bool:
        """Return whether the process accepts a connection within the bound, in seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await self._accepts()
        return False

    def kill(self) -> None:
        """Kill the process at once, for example after the end of its key proxy."""
        self._child.signal_group(signal.SIGKILL)

    async def ended(self) -> AppServerClosedError:
        """Wait for the end of the process, and return the cause."""
        # The close of stdout marks the end without polling.
        await asyncio.wait({self._draining})
        await self._child.exited(1.0)
        return await self._ending()

    async def _ending(self) -> AppServerClosedError:
        last_words = await self._child.last_words()
        reason = f"`codex app-server` ended: {self._child.describe_exit()}"
        return AppServerClosedError(reason, informative_lines(last_words))

    async def _open(self) -> WebSocketStream:
        if self._child.returncode is not None:
            raise await self._ending()
        try:
            return await WebSocketStream.open(self.stable_socket)
        except OSError as error:
            if await self._child.exited(1.0):
                raise await self._ending() from None
            raise AppServerClosedError(
                f"cannot connect to the app-server (pid {self.pid}) at {self.socket}: "
                f"{error.strerror or error}; if the file was removed, restart the app-server"
            ) from error

    async def _wait_until_it_accepts(
        self, startup: StartupWait, folder: tuple[int, int] | None, timeout_s: float
    ) -> None:
        try:
            async with startup.bound(timeout_s):
                while not await self._accepts():
                    if self._child.returncode is not None:
                        raise self._did_not_start(await self._ending())
                    if _identity(self.socket.parent) != folder:
                        raise _SocketRemovedError(self.socket)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            reason = f"no connection was accepted within {timeout_s:g} s"
            raise self._did_not_start(
                AppServerClosedError(reason, self._child.stderr_tail)
            ) from None

    async def _accepts(self) -> bool:
        try:
            stream = await WebSocketStream.open(self.stable_socket)
        except (OSError, AppServerClosedError):
            # No listener yet, or the process is dying: the caller asks again.
            return False
        await stream.close()
        return True

    def _did_not_start(self, cause: AppServerClosedError) -> AppServerClosedError:
        return did_not_start(self._options, cause, "as an app-server on a socket")

    async def _stop(self) -> None:
        try:
            await self._child.end_sandboxes()
            # Source: at the first SIGTERM, Codex waits for running turns; at the second, Codex ends
            # at once, together with the process groups of its commands, in contrast to SIGKILL.
            self._child.signal_group(signal.SIGTERM)
            await self._child.stop(eof_grace_s=_FIRST_TERM_GRACE_S)
        finally:
            self._draining.cancel()
            await asyncio.wait({self._draining})
            remove_socket(self.socket)


class _SocketRemovedError(StartCollisionError):
    """The socket was removed before the first connection, so no client can connect."""

    def __init__(self, socket: Path) -> None:
        super().__init__(f"{socket} was removed while the app-server started to listen there")


class _SocketPeer:
    """The process behind a single connection: stopping ends only the connection."""

    def __init__(self, child: Child, stream: WebSocketStream) -> None:
        self._child = child
        self.stream = stream

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def stderr_tail(self) -> str:
        return self._child.stderr_tail

    async def last_words(self) -> str:
        return await self._child.last_words()

    def read_stderr(self) -> None:
        self._child.read_stderr()

    def describe_exit(self) -> str:
        return self._child.describe_exit()

    async def exited(self, timeout_s: float) -> bool:
        return await self._child.exited(timeout_s)

    async def stop(self) -> None:
        await self.stream.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return the device and the inode of a file or folder; None if missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


async def _drain(stdout: asyncio.StreamReader) -> None:
    # Codex writes nothing there, but an unread pipe could block Codex one day.
    while await stdout.read(_READ_BYTES):
        pass
