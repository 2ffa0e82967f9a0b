"""The stdio entry point of the MCP server: `codexmcp mcp-server`.

Owns the process's stdin and stdout, its signals and the order of its end. Promises: after the end
of stdin, running calls finish within the drain timeout; on SIGTERM everything ends at once; no
child remains in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from codexmcp.appserver.orphans import orphans_ended, orphans_reaped
from codexmcp.codex.desk import Desk
from codexmcp.codex.keeper import AppServerKeeper
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.running import run_codex
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonrpc.pipes import StdioStream
from codexmcp.jsonrpc.stdio import stdout_error
from codexmcp.server.engine import Engine, EngineOptions
from codexmcp.server.first_answer import Received
from codexmcp.server.protocol import McpServer, ProtocolOptions
from codexmcp.server.services import Services

if TYPE_CHECKING:
    # A server without these tools does not wait for their import.
    from codexmcp.server.run_tools.tools import RunTools

logger = logging.getLogger(__name__)

FLUSH_TIMEOUT_S = 5.0
"""Bound on the last write to a client that has stopped reading."""


KeepRuns = Callable[[Desk], "AbstractAsyncContextManager[RunTools]"]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Options of the server.

    Attributes:
        codex: Options of Codex.
        engine: Options of every call. None: without the engine's tools.
        protocol: Options of the protocol.
        runs: Context of this process's runs. None: no runs.
        received: The client, possibly with the first bytes already read.
        drain_s: Seconds for running calls after the end of stdin. None: the calls' own bounds.
    """

    codex: CodexOptions
    protocol: ProtocolOptions
    engine: EngineOptions | None = field(default_factory=EngineOptions)
    runs: KeepRuns | None = None
    received: Received | None = None
    drain_s: float | None = None


async def serve_stdio(options: ServerOptions) -> None:
    """Serve one MCP client on stdin and stdout until the client leaves or SIGTERM arrives.

    Raises:
        AppServerError: The client sent a line beyond the bound.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    stopped_by: signal.Signals | None = None

    def stop(number: signal.Signals) -> None:
        nonlocal stopped_by
        stopped_by = number
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        await _serve(options)
    except asyncio.CancelledError:
        if stopped_by is None:
            raise
        raise SystemExit(128 + stopped_by) from None


async def _serve(options: ServerOptions) -> None:
    received = options.received
    stream = await StdioStream.open(received.rest if received else b"")
    server = McpServer(stream, options.protocol)

    async def ask(request: Request) -> object:
        return await desk.answer(request)

    keeper = AppServerKeeper(
        lambda: run_codex(options.codex, ask, server.connection.drain), options.codex.check_access
    )
    desk = Desk(keeper)
    engine = None if options.engine is None else Engine(options.engine, desk)
    run_tools = None
    children = None if options.codex.prestart is None else options.codex.prestart.children
    with orphans_ended(always=True, spared=children):
        async with orphans_reaped(children), keeper, desk, contextlib.AsyncExitStack() as stack:
            if options.runs is not None:
                run_tools = await stack.enter_async_context(options.runs(desk))
            try:
                reception = None if received is None else received.reception
                await server.serve(Services(engine, run_tools), reception)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(options.drain_s):
                        await server.connection.answers_done()
            finally:
                await server.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_TIMEOUT_S):
                        await stream.flush()
    if stream.error is not None:
        raise stdout_error(stream.error)
