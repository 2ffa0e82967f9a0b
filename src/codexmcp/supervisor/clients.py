"""One client of the supervisor: its greeting, its MCP server, and what it holds on to.

Promises that a client which says nothing, says nonsense or never reads costs nobody else anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codexmcp.appserver.threads import Threads
from codexmcp.errors import CodexMCPError, UsageError
from codexmcp.jsonrpc.pipes import PipeStream
from codexmcp.runs.service import RunService
from codexmcp.server.engine import Engine, EngineOptions
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.protocol import McpServer, Method, ProtocolOptions, Services
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import Check, RunTools
from codexmcp.supervisor.hello import Hello, read_hello, refusal, welcome
from codexmcp.supervisor.methods import STATUS

logger = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0
"""Bound on a client's greeting."""

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""What is held back for a client that does not read, before it is cut off."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How a client is served.

    Attributes:
        protocol: How its server speaks.
        engine: What holds for its calls of `codex` and `codex-reply`; None leaves them out.
        caller: What holds for its runs; None leaves the run tools out.
        drain_s: How long its calls may take after it has left, in seconds.
    """

    protocol: ProtocolOptions
    engine: EngineOptions | None
    caller: Caller | None
    drain_s: float | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What the supervisor has for its clients.

    Attributes:
        read_options: Makes a greeting into options.
        keeper: The app-server for their calls.
        threads: Its threads.
        service: The runs.
        check: Tells whether Codex and the records of runs can be used.
        methods: Makes the methods of the supervisor for a client, whose stack ends with it.
        is_kept: Whether somebody other than clients keeps the supervisor running.
    """

    read_options: Callable[[Hello], ClientOptions]
    keeper: AppServerKeeper
    threads: Threads
    service: RunService
    check: Callable[[Caller], Check]
    methods: Callable[[contextlib.AsyncExitStack], Mapping[str, Method]]
    is_kept: bool


class ClientStream(PipeStream):
    """The bytes of a client, which is cut off when it does not read them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._transport = writer.transport

    def write(self, data: bytes) -> None:
        """Take bytes for the client, or cut it off when too many wait for it."""
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            logger.warning("a client does not read its answers and is cut off")
            self._transport.abort()
        super().write(data)


async def serve_client(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    offer: Offer,
    servers: dict[McpServer, Engine | None],
) -> None:
    """Serve a client until it leaves.

    Args:
        reader: What it says.
        writer: What it is told.
        offer: What there is for it.
        servers: The servers of all clients, to which its own is added meanwhile.
    """
    try:
        options = await _greeted(reader, writer, offer)
        if options is not None:
            await _serve(ClientStream(reader, writer), options, offer, servers)
    except CodexMCPError as error:
        logger.warning("a client was cut off: %s", error)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _greeted(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, offer: Offer
) -> ClientOptions | None:
    """Read the greeting and answer it; return None for a client that is turned away."""
    try:
        _check_peer(writer.get_extra_info("socket"))
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            options = offer.read_options(read_hello(await reader.readuntil()))
    except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return None
    except CodexMCPError as error:
        writer.write(refusal(error, error.exit_code))
        return None
    writer.write(welcome(is_kept=offer.is_kept))
    return options


async def _serve(
    stream: ClientStream,
    options: ClientOptions,
    offer: Offer,
    servers: dict[McpServer, Engine | None],
) -> None:
    engine = None
    if options.engine is not None:
        engine = Engine(offer.keeper, options.engine, offer.threads)
    run_tools = None
    if options.caller is not None:
        run_tools = RunTools(offer.service, options.caller, offer.check(options.caller))
    server = McpServer(stream, options.protocol)
    servers[server] = engine
    try:
        async with contextlib.AsyncExitStack() as stack:
            methods = _allowed(offer.methods(stack), options)
            await server.serve(Services(engine, run_tools, methods))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.drain_s):
                    await server.connection.answers_done()
    finally:
        del servers[server]
        await server.connection.close()
        if engine is not None:
            await engine.close()


def _allowed(methods: Mapping[str, Method], options: ClientOptions) -> Mapping[str, Method]:
    """Return the methods that a client may use: with a fixed policy it acts by its tools alone."""
    policies = [each.policy for each in (options.engine, options.caller) if each is not None]
    if not any(policy.restricts for policy in policies):
        return methods
    return {name: method for name, method in methods.items() if name == STATUS}


def _check_peer(connection: socket.socket) -> None:
    """Refuse a client of another user, in case the folder was opened to them.

    Raises:
        UsageError: It is one.

    Source: SO_PEERCRED of unix(7); LOCAL_PEERCRED of unix(4) on macOS.
    """
    if sys.platform == "linux":
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        uid = struct.unpack("3i", packed)[1]
    else:
        local_peercred, sol_local = 0x001, 0
        packed = connection.getsockopt(sol_local, local_peercred, struct.calcsize("2i"))
        uid = struct.unpack("2i", packed)[1]
    if uid not in {os.geteuid(), 0}:
        raise UsageError("this supervisor belongs to another user")
