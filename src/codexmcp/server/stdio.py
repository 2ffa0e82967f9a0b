"""The stdio door of the MCP server: `codexmcp mcp-server`.

Owns the process's stdin and stdout, its signals and the order of its end. Promises: when stdin
ends, running calls are finished within the drain timeout; on SIGTERM everything ends at once; no
child is left in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass, field

from codexmcp.appserver.client import LaunchOptions
from codexmcp.errors import WorkError
from codexmcp.home.key_proxy import KeyProxy
from codexmcp.jsonrpc.pipes import StdioStream
from codexmcp.server.engine import Engine, EngineOptions
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.protocol import McpServer, ProtocolOptions

logger = logging.getLogger(__name__)

FLUSH_TIMEOUT_S = 5.0
"""Bound on the last write to a client that does not read."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to run the server.

    Attributes:
        launch: How to start Codex.
        proxy: The key proxy to run beside it; None when Codex needs none.
        engine: What holds for every call.
        protocol: How the server speaks.
        drain_s: Seconds that running calls may still take after stdin has ended; None means as
            long as their own bounds allow.
    """

    launch: LaunchOptions
    protocol: ProtocolOptions
    proxy: KeyProxy | None = None
    engine: EngineOptions = field(default_factory=EngineOptions)
    drain_s: float | None = None


async def serve_stdio(options: ServerOptions) -> None:
    """Serve one MCP client on stdin and stdout until it leaves or SIGTERM comes.

    Raises:
        AppServerError: The client sent a line beyond the bound.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await _serve(options)
    except asyncio.CancelledError:
        if not stopping:
            raise
        raise SystemExit(128 + signal.SIGTERM) from None


async def _serve(options: ServerOptions) -> None:
    stream = await StdioStream.open()
    server = McpServer(stream, options.protocol)
    async with contextlib.AsyncExitStack() as stack:
        launch = options.launch
        if options.proxy is not None:
            launch = await stack.enter_async_context(options.proxy.running(launch))
        keeper = AppServerKeeper(launch, server.on_codex_request, server.connection.drain)
        await stack.enter_async_context(keeper)
        try:
            await server.serve(Engine(keeper, options.engine))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.drain_s):
                    await server.connection.answers_done()
        finally:
            await server.connection.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_TIMEOUT_S):
                    await stream.flush()
    if stream.error is not None:
        raise WorkError(
            f"cannot write to stdout: {stream.error.strerror}; the client cannot be answered"
        )
