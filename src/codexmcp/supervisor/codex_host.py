"""Codex as the supervisor runs it: one app-server on a socket, and the key proxy beside it.

Owns both processes, and the container if app-server is to run in one. They start when somebody
connects, live until the supervisor ends, and are replaced when one of them dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.shared import SharedAppServer
from codexmcp.errors import AppServerClosedError
from codexmcp.home.access import provider_overrides
from codexmcp.home.key_proxy import RunningProxy
from codexmcp.server.codex import CodexOptions, RunningCodex
from codexmcp.server.contained import serving_in_container
from codexmcp.supervisor.held_socket import held_socket

logger = logging.getLogger(__name__)


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

    def trouble(self) -> str:
        return "" if self.proxy is None else self.proxy.trouble


class CodexHost:
    """The owner of Codex.

    Args:
        options: How to run it.
        socket: Where its app-server listens.
        on_stderr: Is told each line of app-server's stderr.
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
        """Where its app-server listens, once it runs."""
        return self._socket

    @property
    def pid(self) -> int | None:
        """Process id of the app-server; None when none runs."""
        return None if self._processes is None else self._processes.server.pid

    @contextlib.asynccontextmanager
    async def connect(
        self,
        *,
        opt_out: Sequence[str] = (),
        on_request: RequestCallback,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[RunningCodex, None]:
        """Connect to Codex while the block runs, and start it first if need be.

        Args:
            opt_out: Notifications that this connection shall not get.
            on_request: Answers Codex's own requests.
            pace: Awaited after each batch of events.

        Raises:
            ConfigurationError: It cannot be started.
            AppServerClosedError: It did not come up.
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
                # It died at this moment: nobody knew yet.
                processes, server = await connected()

            def end(reason: str) -> None:
                processes.end()
                server.abort(reason)

            processes.connections.add(server)
            server.siblings = processes.connections
            try:
                yield RunningCodex(server, processes.trouble, end)
            finally:
                processes.connections.discard(server)

    async def _running(self) -> _Processes:
        async with self._lock:
            if self._processes is None or self._processes.has_ended:
                if self._processes is not None:
                    logger.warning("starting Codex anew")
                self._processes = None
                with contextlib.suppress(AppServerClosedError):
                    await self._stack.aclose()
                self._stack = contextlib.AsyncExitStack()
                self._processes = await self._start()
            return self._processes

    async def _start(self) -> _Processes:
        async with contextlib.AsyncExitStack() as stack:
            proxy = None
            if self._options.proxy is not None:
                proxy = await stack.enter_async_context(self._options.proxy.start())
            server = await self._launched(stack, proxy)
            processes = _Processes(server, proxy, asyncio.Event())
            watching = asyncio.create_task(self._watch(processes))
            stack.push_async_callback(_cancelled, watching)
            self._stack = stack.pop_all()
            return processes

    async def _launched(
        self, stack: contextlib.AsyncExitStack, proxy: RunningProxy | None
    ) -> SharedAppServer:
        """Start app-server, which ends with the stack."""
        launch, container = self._options.launch, self._options.container
        if container is None:
            if proxy is not None:
                overrides = (*launch.overrides, *provider_overrides(proxy.base_url))
                launch = replace(launch, overrides=overrides)
            launching = SharedAppServer.launch(launch, self._socket, on_stderr=self._on_stderr)
            return await stack.enter_async_context(launching)
        endpoint = container.endpoint if proxy is None else proxy.base_url
        assert endpoint is not None, "the options name one where there is no proxy"
        serving = await stack.enter_async_context(serving_in_container(launch, container, endpoint))
        server = await stack.enter_async_context(
            SharedAppServer.launch(serving.launch, serving.socket, on_stderr=self._on_stderr)
        )
        server.socket = stack.enter_context(held_socket(serving.socket, self._socket))
        return server

    async def _watch(self, processes: _Processes) -> None:
        """End app-server together with its proxy: without it Codex would try for ever."""
        server_ends = asyncio.create_task(processes.server.ended())
        ends: set[asyncio.Task[object]] = {server_ends}
        if processes.proxy is not None:
            ends.add(asyncio.create_task(processes.proxy.ended()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            processes.ended.set()
            if server_ends.done() and self._options.container is not None:
                # An engine that was killed leaves the container, and its sockets, as they are.
                for server in processes.connections:
                    server.abort(str(server_ends.result()))
            if not server_ends.done():
                logger.warning("the key proxy ended: %s", processes.trouble())
                processes.server.kill()
        finally:
            for end in ends:
                end.cancel()
            await asyncio.wait(ends)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
