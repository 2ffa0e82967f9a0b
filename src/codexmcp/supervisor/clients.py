"""A client of the supervisor: greeting, MCP server, and held threads.

Promises: a silent client, a client with invalid input or a client without reads does not disturb
other clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping

from codexmcp.codex.desk import Desk
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.jsonrpc.pipes import PipeStream
from codexmcp.own_files import check_not_sandboxed, check_peer
from codexmcp.policy.caller import Caller
from codexmcp.runs.facade import Runs
from codexmcp.runs.service import RunService
from codexmcp.server.engine import Engine, EngineOptions
from codexmcp.server.protocol import McpServer, ProtocolOptions
from codexmcp.server.run_tools.tools import Check, RunTools
from codexmcp.server.services import Method, Services
from codexmcp.supervisor.hello import Hello, read_hello, refusal, welcome
from codexmcp.supervisor.human import BY_HUMAN
from codexmcp.supervisor.methods import STATUS

logger = logging.getLogger(__name__)

HELLO_TIMEOUT_S = 10.0
"""Bound on a client's greeting."""

MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Bound on unread answers, above which a client is disconnected."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Options of the server for a client.

    Attributes:
        protocol: Options of the protocol.
        engine: Options for calls of `codex` and `codex-reply`. None: without these tools.
        caller: The caller of runs. None: without run tools.
        drain_s: Bound on open calls after the client has left, in seconds. None: no bound.
    """

    protocol: ProtocolOptions
    engine: EngineOptions | None
    caller: Caller | None
    drain_s: float | None = None


@dataclass(frozen=True, slots=True)
class ClientServices:
    """The parts of the supervisor for clients.

    Attributes:
        read_options: Converts a greeting to options.
        desk: The desk for calls.
        service: The runs.
        check: Returns the check of Codex and of the records of runs for a caller.
        methods: Returns the methods of the supervisor for a client. Called with the runs of the
            client, None for no methods of runs, and a stack closed at the end of the client.
        is_kept: A person or a service manager keeps the supervisor running, not the clients.
    """

    read_options: Callable[[Hello], ClientOptions]
    desk: Desk
    service: RunService
    check: Callable[[Caller], Check]
    methods: Callable[[Runs | None, contextlib.AsyncExitStack], Mapping[str, Method]]
    is_kept: bool


class ClientStream(PipeStream):
    """The bytes of a client, with a bound on unread answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._transport = writer.transport

    def write(self, data: bytes) -> None:
        """Buffer bytes for the client; disconnect a client with too many unread bytes."""
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            logger.warning("a client does not read its answers and is cut off")
            self._transport.abort()
        super().write(data)


async def serve_client(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    offer: ClientServices,
    servers: set[McpServer],
) -> None:
    """Serve a client until it leaves.

    Args:
        reader: Input from the client.
        writer: Output to the client.
        offer: The parts of the supervisor for clients.
        servers: The servers of all clients; includes the server of this client during the call.
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
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, offer: ClientServices
) -> ClientOptions | None:
    """Read and answer the greeting; return None for a refused client."""
    try:
        # The folder may have become accessible to other users.
        connection = writer.get_extra_info("socket")
        check_peer(connection)
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            line = await reader.readuntil()
            # After the greeting the client reads answers.
            check_not_sandboxed(connection)
            options = offer.read_options(read_hello(line))
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
    offer: ClientServices,
    servers: set[McpServer],
) -> None:
    engine = None
    if options.engine is not None:
        engine = Engine(options.engine, offer.desk)
    run_tools = None
    runs = None
    if options.caller is not None:
        runs = Runs(offer.service, options.caller, BY_HUMAN)
        run_tools = RunTools(
            offer.service, options.caller, offer.check(options.caller), options.engine
        )
    server = McpServer(stream, options.protocol)
    servers.add(server)
    try:
        async with contextlib.AsyncExitStack() as stack:
            methods = _allowed(offer.methods(runs, stack), options)
            await server.serve(Services(engine, run_tools, methods))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(options.drain_s):
                    await server.connection.answers_done()
    finally:
        servers.discard(server)
        await server.close()
        if engine is not None:
            await engine.close()


def _allowed(methods: Mapping[str, Method], options: ClientOptions) -> Mapping[str, Method]:
    """Return the methods allowed to a client: with a fixed policy, the status alone."""
    engine, caller = options.engine, options.caller
    policies = [] if engine is None else [engine.conversations.policy]
    policies += [] if caller is None else [caller.policy]
    if not any(policy.restricts for policy in policies):
        return methods
    return {name: method for name, method in methods.items() if name == STATUS}
