"""The supervisor's Codex: an app-server on a socket, and the key proxy beside it.

Owns both processes, and the container, if configured. The processes start at the first connection,
live until the supervisor's end, and are replaced after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.shared import SharedAppServer
from codexmcp.codex.held_socket import held_socket
from codexmcp.codex.key_proxy import RunningProxy
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.running import PreparedCodex, RunningCodex, prepared
from codexmcp.data_classes import dataclass, field
from codexmcp.errors import AppServerClosedError
from codexmcp.own_files import make_private_folder

logger = logging.getLogger(__name__)

ANSWER_S = 3.0
"""Bound on the handshake of a health check of the app-server; a handshake takes 2 ms."""


@dataclass(frozen=True, slots=True)
class _Processes:
    server: SharedAppServer
    proxy: RunningProxy | None
    ended: asyncio.Event
    connections: set[AppServer] = field(default_factory=set[AppServer])

    @property
    def has_ended(self) -> bool:
        return self.ended.is_set() or self.server.has_ended

    def end(self) -> None:
        self.ended.set()
        self.server.kill()

    def failure_cause(self) -> str:
        return "" if self.proxy is None else self.proxy.failure_cause


class CodexHost:
    """The owner of the supervisor's Codex.

    Args:
        options: Options of Codex.
        socket: Path of app-server's socket.
        on_stderr: Called with each line of app-server's stderr.
    """

    def __init__(
        self, options: CodexOptions, socket: Path, on_stderr: Callable[[str], None]
    ) -> None:
        self._options = options
        self._socket = socket
        self._on_stderr = on_stderr
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._processes: _Processes | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def codex(self) -> Path:
        """The Codex binary."""
        return self._options.launch.codex

    @property
    def socket(self) -> Path:
        """Path of app-server's socket, valid after the start."""
        return self._socket

    @property
    def pid(self) -> int | None:
        """Process id of the app-server; None if not running."""
        return None if self._processes is None else self._processes.server.pid

    async def fault(self) -> str:
        """Return the fault of a running Codex that does not answer; empty if healthy.

        A Codex that is not running is healthy: the next connection starts Codex.
        """
        processes = self._processes
        if processes is None or processes.has_ended or await processes.server.answers(ANSWER_S):
            return ""
        return (
            f"its app-server (process {processes.server.pid}) does not answer within "
            f"{ANSWER_S:g} s; continue it if somebody stopped it, or end both with "
            "`codexmcp serve --stop`"
        )

    def restore_socket(self) -> None:
        """Recreate a deleted socket path.

        Raises:
            OSError: The link cannot be created.
        """
        processes = self._processes
        if processes is None or processes.has_ended:
            return
        stable = processes.server.stable_socket
        if stable == self._socket:
            return
        with contextlib.suppress(OSError):
            if os.path.samefile(self._socket, stable):  # noqa: PTH121 - ours is no path of pathlib
                return
        logger.warning("the socket %s was deleted; replacing the file by a link", self._socket)
        make_private_folder(self._socket.parent)
        self._socket.unlink(missing_ok=True)
        self._socket.symlink_to(stable)

    @contextlib.asynccontextmanager
    async def connect(
        self,
        *,
        opt_out: Sequence[str] = (),
        on_request: RequestCallback,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[RunningCodex, None]:
        """Connect to Codex during the block, after a start if needed.

        Args:
            opt_out: Notifications to suppress on this connection.
            on_request: Answers Codex's requests.
            pace: Awaited after each batch of events.

        Raises:
            ConfigurationError: Codex cannot be started.
            AppServerClosedError: Codex ended before becoming ready.
        """
        async with contextlib.AsyncExitStack() as stack:

            async def connected() -> tuple[_Processes, AppServer]:
                processes = await self._running()
                connecting = processes.server.connect(
                    opt_out=opt_out, on_request=on_request, pace=pace
                )
                return processes, await stack.enter_async_context(connecting)

            try:
                processes, server = await connected()
            except AppServerClosedError:
                if self._processes is None or not self._processes.server.has_ended:
                    raise
                # The app-server died just now, before `_watch` could notice.
                processes, server = await connected()

            def end(reason: str) -> None:
                processes.end()
                server.abort(reason)

            processes.connections.add(server)
            server.siblings = processes.connections
            try:
                yield RunningCodex(server, processes.failure_cause, end)
            finally:
                processes.connections.discard(server)

    async def _running(self) -> _Processes:
        async with self._lock:
            if self._processes is None or self._processes.has_ended:
                if self._processes is not None:
                    logger.warning("restarting Codex")
                self._processes = None
                with contextlib.suppress(AppServerClosedError):
                    await self._stack.aclose()
                self._stack = contextlib.AsyncExitStack()
                self._processes = await self._start()
            return self._processes

    async def _start(self) -> _Processes:
        async with contextlib.AsyncExitStack() as stack:
            surroundings = await stack.enter_async_context(prepared(self._options, serves=True))
            server = await self._launched(stack, surroundings)
            processes = _Processes(server, surroundings.proxy, asyncio.Event())
            watching = asyncio.create_task(self._watch(processes))
            stack.push_async_callback(_cancelled, watching)
            self._stack = stack.pop_all()
            return processes

    async def _launched(
        self, stack: contextlib.AsyncExitStack, surroundings: PreparedCodex
    ) -> SharedAppServer:
        """Start app-server; the stack ends the process."""
        inside = surroundings.socket
        launching = SharedAppServer.launch(
            surroundings.launch, inside or self._socket, on_stderr=self._on_stderr
        )
        server = await stack.enter_async_context(launching)
        if inside is not None:
            server.stable_socket = stack.enter_context(held_socket(inside, self._socket))
        return server

    async def _watch(self, processes: _Processes) -> None:
        """End app-server together with its proxy: without a proxy, Codex would retry for ever."""
        server_ends = asyncio.create_task(processes.server.ended())
        ends: set[asyncio.Task[object]] = {server_ends}
        if processes.proxy is not None:
            ends.add(asyncio.create_task(processes.proxy.ended()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            processes.ended.set()
            if server_ends.done() and self._options.container is not None:
                # A killed engine leaves the container and its sockets open.
                for server in processes.connections:
                    server.abort(str(server_ends.result()))
            if not server_ends.done():
                logger.warning("the key proxy ended: %s", processes.failure_cause())
                processes.server.kill()
        finally:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
