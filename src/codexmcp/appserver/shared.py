"""One `codex app-server` on a unix socket, with any number of connections.

Owns the process, its socket file and the waiting for it. Promises: the process ends with the block,
and with ours; every connection then ends with how it ended and its last words.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from codexmcp.appserver.child import Child
from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback, telling
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.not_started import did_not_start
from codexmcp.appserver.patience import Patience
from codexmcp.appserver.socket_file import prepare_socket, remove_socket
from codexmcp.appserver.websocket import WebSocketStream
from codexmcp.errors import AppServerClosedError

START_TIMEOUT_S = 30.0
"""Bound on the start until connections are taken. It took 0.1 s here, 0.2 s with a new home."""

_POLL_S = 0.005
# An idle app-server ended within 0.03 s of SIGTERM, a busy one within 0.03 s of the second.
_FIRST_TERM_GRACE_S = 0.3
_READ_BYTES = 65536


class SharedAppServer:
    """An app-server that several connections share. Start one with `launch`."""

    def __init__(self, child: Child, options: LaunchOptions, socket: Path) -> None:
        self._child = child
        self._options = options
        self.socket = socket
        """Where it listens."""
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
        """Start an app-server that listens on a unix socket, and end it with the block.

        Args:
            options: What to start; `opt_out` counts for no connection, see `connect`. With a
                `listen`, that is where it listens as it sees it, and `socket` leads there.
            socket: Absolute path of the socket. Its folder is made, with access for us only; a
                socket that a killed app-server left there is replaced.
            on_stderr: Called with each line of its stderr; must not block.
            timeout_s: Bound on the start, in seconds; it counts anew while past conversations are
                being indexed.

        Raises:
            ConfigurationError: The path cannot be used for a socket of our own.
            CodexBinaryError: It cannot be started.
            AppServerClosedError: It ended, or took no connection in time.
        """
        prepare_socket(socket)
        patience = Patience(options, on_stderr)
        async with contextlib.AsyncExitStack() as stack:

            async def start() -> SharedAppServer:
                starting = cls._started(options, socket, patience, timeout_s)
                return await stack.enter_async_context(starting)

            yield await patience.see_through(start)

    @classmethod
    @contextlib.asynccontextmanager
    async def _started(
        cls, options: LaunchOptions, socket: Path, patience: Patience, timeout_s: float
    ) -> AsyncGenerator[SharedAppServer, None]:
        child = await Child.start(
            replace(options, listen=options.listen or f"unix://{socket}").argv(),
            # Source: else it colours its stderr, also where nobody can see colours.
            env={"NO_COLOR": "1", **options.env},
            cwd=options.cwd,
            # Listening on a socket it does not notice the end of its stdin.
            die_with_parent=True,
            on_stderr=patience.on_stderr,
        )
        server = cls(child, options, socket)
        try:
            await server._wait_until_it_accepts(patience, timeout_s)
            yield server
        finally:
            await asyncio.shield(server._stop())

    @property
    def pid(self) -> int:
        """Process id of the app-server."""
        return self._child.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._child.returncode is not None

    @contextlib.asynccontextmanager
    async def connect(
        self,
        *,
        opt_out: Sequence[str] = (),
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Open a connection, shake hands, and close it with the block; the process lives on.

        Args:
            opt_out: Notifications that this connection shall not get.
            on_request: Answers Codex's own requests; see `AppServer.launch`. Source: each of them
                goes to every connection that has loaded the thread, and the first answer counts.
            pace: Awaited after each batch of events.

        Raises:
            AppServerClosedError: The process has ended, or does not answer.
        """
        peer = _SocketPeer(self._child, await self._open())
        options = replace(self._options, opt_out=tuple(opt_out))
        async with AppServer.attach(peer, options, on_request=on_request, pace=pace) as server:
            yield server

    def kill(self) -> None:
        """End the process at once, as when what it depends on has ended."""
        self._child.signal_group(signal.SIGKILL)

    async def ended(self) -> AppServerClosedError:
        """Wait until the process has ended, and return how."""
        # Its stdout is closed then, which costs no polling meanwhile.
        await asyncio.wait({self._draining})
        await self._child.exited(1.0)
        return await self._ending()

    async def _ending(self) -> AppServerClosedError:
        reason = f"`codex app-server` ended: {self._child.describe_exit()}"
        return AppServerClosedError(reason, telling(await self._child.last_words()))

    async def _open(self) -> WebSocketStream:
        if self._child.returncode is not None:
            raise await self._ending()
        try:
            return await WebSocketStream.open(self.socket)
        except OSError as error:
            if await self._child.exited(1.0):
                raise await self._ending() from None
            raise AppServerClosedError(
                f"the app-server (pid {self.pid}) takes no connections at {self.socket}: "
                f"{error.strerror or error}; somebody may have removed the file: start it anew"
            ) from error

    async def _wait_until_it_accepts(self, patience: Patience, timeout_s: float) -> None:
        try:
            async with patience.bound(timeout_s):
                while not await self._accepts():
                    if self._child.returncode is not None:
                        raise self._did_not_start(await self._ending())
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            reason = f"no connection was taken within {timeout_s:g} s"
            raise self._did_not_start(
                AppServerClosedError(reason, self._child.stderr_tail)
            ) from None

    async def _accepts(self) -> bool:
        try:
            stream = await WebSocketStream.open(self.socket)
        except (OSError, AppServerClosedError):
            # Nobody listens yet, or it dies at this moment: the caller asks again.
            return False
        await stream.close()
        return True

    def _did_not_start(self, cause: AppServerClosedError) -> AppServerClosedError:
        return did_not_start(self._options, cause, "as an app-server on a socket")

    async def _stop(self) -> None:
        try:
            # Source: at the first SIGTERM it waits for running turns, at the second it ends at
            # once and takes the process groups of its commands along, which SIGKILL does not.
            self._child.signal_group(signal.SIGTERM)
            await self._child.stop(eof_grace_s=_FIRST_TERM_GRACE_S)
        finally:
            self._draining.cancel()
            await asyncio.wait({self._draining})
            remove_socket(self.socket)


class _SocketPeer:
    """The process as one connection sees it: stopping ends the connection only."""

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

    def describe_exit(self) -> str:
        return self._child.describe_exit()

    async def exited(self, timeout_s: float) -> bool:
        return await self._child.exited(timeout_s)

    async def stop(self) -> None:
        await self.stream.close()


async def _drain(stdout: asyncio.StreamReader) -> None:
    # It says nothing there, but a pipe that nobody reads could stop it one day.
    while await stdout.read(_READ_BYTES):
        pass
