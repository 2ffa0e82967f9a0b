"""Codex as the server runs it: an app-server, and the key proxy it needs beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from codexmcp.appserver.client import AppServer, PaceCallback, RequestCallback
from codexmcp.appserver.container import ContainerOptions
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.home.access import provider_overrides
from codexmcp.home.key_proxy import KeyProxy, RunningProxy


@dataclass(frozen=True, slots=True)
class CodexOptions:
    """How to run Codex.

    Attributes:
        launch: How to start app-server.
        proxy: The key proxy to run beside it; None when Codex needs none.
        container: What to run app-server in; None means here. The proxy stays here.
    """

    launch: LaunchOptions
    proxy: KeyProxy | None = None
    container: ContainerOptions | None = None


@dataclass(frozen=True, slots=True)
class RunningCodex:
    """Codex that runs.

    Attributes:
        server: The app-server.
        trouble: Returns what the key proxy has to say about failed requests; empty if nothing.
        end: Ends it for a reason that it does not know itself.
    """

    server: AppServer
    trouble: Callable[[], str]
    end: Callable[[str], None]


@contextlib.asynccontextmanager
async def run_codex(
    options: CodexOptions, on_request: RequestCallback, pace: PaceCallback
) -> AsyncGenerator[RunningCodex, None]:
    """Run Codex while the block runs. When the key proxy dies, app-server ends with it.

    Args:
        options: What to run.
        on_request: Answers Codex's own requests.
        pace: Awaited after each batch of events.

    Raises:
        ConfigurationError: The proxy did not come up, or the binary cannot be used.
        AppServerClosedError: App-server did not come up.
    """
    async with contextlib.AsyncExitStack() as stack:
        launch, proxy = options.launch, None
        if options.proxy is not None:
            proxy = await stack.enter_async_context(options.proxy.start())
        if options.container is not None:
            launch = await stack.enter_async_context(_contained(options, options.container, proxy))
        elif proxy is not None:
            overrides = (*launch.overrides, *provider_overrides(proxy.base_url))
            launch = replace(launch, overrides=overrides)
        launching = AppServer.launch(launch, on_request=on_request, pace=pace)
        server = await stack.enter_async_context(launching)
        if proxy is None:
            yield RunningCodex(server, lambda: "", server.abort)
            return
        watching = asyncio.create_task(_abort_with(proxy, server))
        try:
            yield RunningCodex(server, lambda: proxy.trouble, server.abort)
        finally:
            watching.cancel()
            await asyncio.wait({watching})


def _contained(
    options: CodexOptions, container: ContainerOptions, proxy: RunningProxy | None
) -> AbstractAsyncContextManager[LaunchOptions]:
    from codexmcp.server.contained import in_container  # noqa: PLC0415 - most servers run it here

    endpoint = container.endpoint if proxy is None else proxy.base_url
    assert endpoint is not None, "the options name one where there is no proxy"
    return in_container(options.launch, container, endpoint)


async def _abort_with(proxy: RunningProxy, server: AppServer) -> None:
    # Without its proxy Codex would try to reconnect for ever.
    server.abort(f"the key proxy ended: {await proxy.ended()}")
