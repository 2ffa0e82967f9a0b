"""A running Codex: an app-server, with the key proxy and the container that it needs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.codex.key_proxy import RunningProxy, run_key_proxy
from codexmcp.codex.options import CodexOptions
from codexmcp.data_classes import dataclass


@dataclass(frozen=True, slots=True)
class PreparedCodex:
    """An app-server whose key proxy and container run.

    Attributes:
        launch: How to start it there.
        proxy: The key proxy; None without one.
        socket: The socket of an app-server in a container; None elsewhere.
    """

    launch: LaunchOptions
    proxy: RunningProxy | None = None
    socket: Path | None = None


@contextlib.asynccontextmanager
async def prepared(
    options: CodexOptions, *, serves: bool = False
) -> AsyncGenerator[PreparedCodex, None]:
    """Run the key proxy and the container during the block.

    Args:
        options: Options of Codex.
        serves: Have an app-server in a container listen on a socket.

    Raises:
        ConfigurationError: The proxy did not start.
    """
    async with contextlib.AsyncExitStack() as stack:
        launch, container, proxy = options.launch, options.container, None
        if options.proxy is not None:
            running = run_key_proxy(options.proxy, options.prestart)
            proxy = await stack.enter_async_context(running)
        if container is None:
            yield PreparedCodex(launch if proxy is None else proxy.applied_to(launch), proxy)
            return
        from codexmcp.codex.container import running as contained  # noqa: PLC0415 - rarely used

        endpoint = container.endpoint if proxy is None else proxy.base_url
        assert endpoint is not None, "options without a proxy have an endpoint"
        shown_as = endpoint if proxy is None else proxy.endpoint
        if serves:
            serving = contained.serving_in_container(launch, container, endpoint, shown_as)
            inside = await stack.enter_async_context(serving)
            yield PreparedCodex(inside.launch, proxy, inside.socket)
        else:
            entering = contained.in_container(launch, container, endpoint, shown_as)
            yield PreparedCodex(await stack.enter_async_context(entering), proxy)


@dataclass(frozen=True, slots=True)
class RunningCodex:
    """A running Codex.

    Attributes:
        server: The app-server.
        failure_cause: Returns the key proxy's report on failed requests; empty if none.
        end: Ends Codex for an external reason.
    """

    server: AppServer
    failure_cause: Callable[[], str]
    end: Callable[[str], None]


@contextlib.asynccontextmanager
async def run_codex(
    options: CodexOptions, on_request: RequestCallback, pace: PaceCallback | None = None
) -> AsyncGenerator[RunningCodex, None]:
    """Run Codex during the block. App-server ends together with the key proxy.

    Args:
        options: Options of Codex.
        on_request: Answers Codex's requests.
        pace: Awaited after each batch of events; None for nothing.

    Raises:
        ConfigurationError: The proxy did not start, or the binary is unusable.
        AppServerClosedError: App-server ended before becoming ready.
    """
    async with contextlib.AsyncExitStack() as stack:
        surroundings = await stack.enter_async_context(prepared(options))
        proxy, prestart = surroundings.proxy, options.prestart
        spawned = None if prestart is None else prestart.take_server()
        launching = AppServer.launch(surroundings.launch, spawned, on_request=on_request, pace=pace)
        server = await stack.enter_async_context(launching)
        if proxy is None:
            yield RunningCodex(server, lambda: "", server.abort)
            return
        watching = asyncio.create_task(_abort_with(proxy, server))
        try:
            yield RunningCodex(server, lambda: proxy.failure_cause, server.abort)
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def _abort_with(proxy: RunningProxy, server: AppServer) -> None:
    # Without a proxy, Codex would retry for ever.
    server.abort(f"the key proxy ended: {await proxy.ended()}")
