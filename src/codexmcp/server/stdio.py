"""The stdio door of the MCP server: `codexmcp mcp-server`.

Owns the process's stdin and stdout, its signals and the order of its end. Promises: when stdin
ends, running calls are finished within the drain timeout; on SIGTERM everything ends at once; no
child is left in either case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from codexmcp.appserver.orphans import orphans_ended, orphans_reaped
from codexmcp.appserver.threads import Threads
from codexmcp.errors import WorkError
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonrpc.pipes import StdioStream
from codexmcp.jsonvalues import text_of
from codexmcp.server.codex import CodexOptions, run_codex
from codexmcp.server.engine import Engine, EngineOptions
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.protocol import McpServer, ProtocolOptions, Services

if TYPE_CHECKING:
    # A server without them does not wait for them to be imported.
    from codexmcp.server.run_tools.tools import RunTools

logger = logging.getLogger(__name__)

MAX_DESCRIPTORS = 10_240
"""More than this macOS refuses, and nobody needs it."""

FLUSH_TIMEOUT_S = 5.0
"""Bound on the last write to a client that does not read."""


class OwnRuns(Protocol):
    """Runs that belong to this process."""

    @property
    def tools(self) -> RunTools:
        """The run tools."""
        ...

    def works_on(self, thread_id: str) -> bool:
        """Return whether a run is under way on a thread."""
        ...

    async def on_codex_request(self, request: Request) -> object:
        """Answer a question of Codex in a run."""
        ...


KeepRuns = Callable[[AppServerKeeper, Threads], AbstractAsyncContextManager[OwnRuns]]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How to run the server.

    Attributes:
        codex: How to run Codex.
        engine: What holds for every call; None leaves its tools out.
        protocol: How the server speaks.
        runs: Keeps runs that belong to this process while its block runs; None for none.
        drain_s: Seconds that running calls may still take after stdin has ended; None means as
            long as their own bounds allow.
    """

    codex: CodexOptions
    protocol: ProtocolOptions
    engine: EngineOptions | None = field(default_factory=EngineOptions)
    runs: KeepRuns | None = None
    drain_s: float | None = None


async def serve_stdio(options: ServerOptions) -> None:
    """Serve one MCP client on stdin and stdout until it leaves or SIGTERM comes.

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
    stream = await StdioStream.open()
    server = McpServer(stream, options.protocol)
    own_runs: OwnRuns | None = None

    async def ask(request: Request) -> object:
        thread_id = text_of(request.params.get("threadId")) or ""
        if own_runs is not None and own_runs.works_on(thread_id):
            return await own_runs.on_codex_request(request)
        return await server.on_codex_request(request)

    keeper = AppServerKeeper(lambda: run_codex(options.codex, ask, server.connection.drain))
    threads = Threads()
    engine = None if options.engine is None else Engine(keeper, options.engine, threads)
    raise_descriptor_limit()
    with orphans_ended(always=True):
        async with orphans_reaped(), keeper, contextlib.AsyncExitStack() as stack:
            if options.runs is not None:
                own_runs = await stack.enter_async_context(options.runs(keeper, threads))
            try:
                await server.serve(Services(engine, None if own_runs is None else own_runs.tools))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(options.drain_s):
                        await server.connection.answers_done()
            finally:
                await server.connection.close()
                if engine is not None:
                    await engine.close()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_TIMEOUT_S):
                        await stream.flush()
    if stream.error is not None:
        raise WorkError(
            f"cannot write to stdout: {stream.error.strerror}; the client cannot be answered"
        )


def raise_descriptor_limit() -> None:
    """Let Codex open as many files as the system allows.

    Source: it needs two descriptors for each loaded thread and does not raise the limit itself; at
    256, the default of macOS, it fails after about 100 threads (measured on 0.163.0).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
