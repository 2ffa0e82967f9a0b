"""The supervisor: `codexmcp serve`.

Owns Codex, the runs and the socket. Promises: an address has one supervisor; after SIGTERM the
supervisor takes no new work, waits for runs within the drain timeout (a second signal interrupts
the runs) and leaves no process; a supervisor started on demand ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import codexmcp
from codexmcp.appserver.launch import DELTAS
from codexmcp.appserver.orphans import orphans_ended, orphans_reaped
from codexmcp.appserver.spawn import raise_descriptor_limit
from codexmcp.codex.desk import Desk
from codexmcp.codex.host import CodexHost
from codexmcp.codex.keeper import AppServerKeeper
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.threads import Threads
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.jsonrpc.messages import JsonObject
from codexmcp.jsonvalues import text_of
from codexmcp.policy.caller import Caller
from codexmcp.runs.facade import Runs
from codexmcp.runs.states import RunState
from codexmcp.server.protocol import McpServer
from codexmcp.server.run_tools.tools import Check
from codexmcp.server.services import Method
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.clients import ClientOptions, ClientServices, serve_client
from codexmcp.supervisor.doors import Door, DoorServices
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.human import human_methods
from codexmcp.supervisor.listening import SocketWatch, claimed, listening
from codexmcp.supervisor.methods import ATTACH, STATUS, STOP
from codexmcp.supervisor.registry import AddressClaim
from codexmcp.supervisor.run_host import RunHost, RunHostOptions, run_host
from codexmcp.supervisor.setup_check import check_setup

logger = logging.getLogger(__name__)

IDLE_CHECK_S = 0.5

ANSWERS_S = 1.0
"""Bound on answers after the end of the last run. A wait for a queued run gets no answer."""


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """Options of a supervisor.

    Attributes:
        address: The address of the supervisor.
        codex: Options to run Codex.
        runs: Settings of runs.
        read_options: Converts a client's greeting to options.
        idle_exit_s: Time without clients and runs until the end, in seconds; None: no end.
        doors: Entrances beside the socket.
        on_ready: Called when the supervisor takes clients.
    """

    address: Address
    codex: CodexOptions
    runs: RunHostOptions
    read_options: Callable[[Hello], ClientOptions]
    idle_exit_s: float | None = None
    doors: Sequence[Door] = ()
    on_ready: Callable[[], None] = lambda: None


async def supervise(options: SupervisorOptions) -> None:
    """Serve until a signal, a stop request of a client, or the idle exit.

    Raises:
        ConfigurationError: Another supervisor runs, or the socket cannot be made.
        StoreError: The store cannot be opened.
    """
    signals = Signals()
    # Outermost: a signal during the end of remaining processes must not interrupt the end.
    with signals.heeded():
        async with claimed(options.address, signals.stopping) as claim:
            if claim is None:
                return
            with orphans_ended(always=True):
                raise_descriptor_limit()
                async with orphans_reaped():
                    try:
                        await Supervisor(options, signals, claim).run()
                    except ExceptionGroup as group:
                        raise _only(group) from group


class Signals:
    """Received SIGTERM and SIGINT.

    Attributes:
        stopping: Set by the first signal.
        hurrying: Set by the second signal.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()

    @contextlib.contextmanager
    def heeded(self) -> Generator[None, None, None]:
        """Handle signals during the block."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self._take)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _take(self) -> None:
        (self.hurrying if self.stopping.is_set() else self.stopping).set()


class Supervisor:
    """The work of the supervisor between start and end."""

    def __init__(self, options: SupervisorOptions, signals: Signals, claim: AddressClaim) -> None:
        self._options = options
        self._claim = claim
        self._stopping = signals.stopping
        self._hurrying = signals.hurrying
        self._servers: set[McpServer] = set()
        self._clients: Collection[object] = ()
        self._started = time.monotonic()
        self._host = CodexHost(options.codex, options.address.codex_socket, self._on_stderr)
        check_access = options.codex.check_access
        self._for_runs = AppServerKeeper(
            lambda: self._host.connect(opt_out=DELTAS, on_request=self._runs_desk.answer),
            check_access,
        )
        self._for_calls = AppServerKeeper(
            lambda: self._host.connect(on_request=self._calls_desk.answer), check_access
        )
        threads = Threads()
        self._runs_desk = Desk(self._for_runs, threads, is_alone=False)
        self._calls_desk = Desk(self._for_calls, threads, is_alone=False)
        self._runs: RunHost | None = None
        self._told: dict[str, Any] = {}

    async def run(self) -> None:
        """Run to the end."""
        async with (
            self._host,
            self._for_runs,
            self._for_calls,
            self._runs_desk,
            self._calls_desk,
            run_host(self._options.runs, self._runs_desk) as self._runs,
            self._listening(self._runs) as self._clients,
            contextlib.AsyncExitStack() as stack,
        ):
            for door in self._options.doors:
                self._told |= await stack.enter_async_context(door(self._inside(self._runs)))
            self._options.on_ready()
            await self._until_stopped(self._runs)

    def _offer(self, runs: RunHost) -> ClientServices:
        return ClientServices(
            self._options.read_options,
            self._calls_desk,
            runs.service,
            self._check,
            lambda own, stack: self._methods(runs, own, stack),
            is_kept=self._options.idle_exit_s is None,
        )

    def _inside(self, runs: RunHost) -> DoorServices:
        return DoorServices(runs.service, self._check, lambda: self._status(runs, asking=0))

    def _check(self, caller: Caller) -> Check:
        return lambda: check_setup(caller, self._options.runs, self._for_runs)

    def _listening(self, runs: RunHost) -> AbstractAsyncContextManager[Collection[object]]:
        offer = self._offer(runs)
        return listening(
            self._options.address,
            self._claim,
            lambda reader, writer: serve_client(reader, writer, offer, self._servers),
            SocketWatch(lambda path: runs.move(str(path)), self._host.restore_socket),
        )

    async def _until_stopped(self, runs: RunHost) -> None:
        """Wait for a reason to end; then for active runs, with clients still connected."""
        idle_since = time.monotonic()
        while not self._stopping.is_set():
            idle_s = self._options.idle_exit_s
            if self._clients or (idle_s is not None and not await _is_idle(runs)):
                idle_since = time.monotonic()
            if idle_s is not None and time.monotonic() - idle_since >= idle_s:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_CHECK_S):
                    await self._stopping.wait()
        await self._drain(runs)

    async def _drain(self, runs: RunHost) -> None:
        """Wait for the end of active runs; a second signal interrupts the runs."""
        draining = asyncio.create_task(runs.engine.drain(self._options.runs.drain_s))
        hurrying = asyncio.create_task(self._hurrying.wait())
        try:
            await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            draining.cancel()
            hurrying.cancel()
            await asyncio.wait({draining, hurrying})
        if self._hurrying.is_set():
            await runs.engine.drain(0.0)
        await self._answered()

    async def _answered(self) -> None:
        """Wait for the answers caused by the ends of runs."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWERS_S):
                for server in list(self._servers):
                    server.end_subscriptions()
                for server in list(self._servers):
                    await server.connection.answers_done()

    def _on_stderr(self, line: str) -> None:
        if self._runs is not None:
            self._runs.executor.on_stderr(line)

    def _methods(
        self, runs: RunHost, own: Runs | None, stack: contextlib.AsyncExitStack
    ) -> dict[str, Method]:
        async def status(_params: JsonObject) -> object:
            fault = await self._host.fault()
            return await self._status(runs) | ({"codexTrouble": fault} if fault else {})

        async def stop(_params: JsonObject) -> object:
            self._stopping.set()
            return await self._status(runs)

        methods: dict[str, Method] = {STATUS: status, STOP: stop}
        if own is None:
            return methods

        async def attach(params: JsonObject) -> object:
            run_id = text_of(params.get("runId")) or ""
            origin = await stack.enter_async_context(own.attach(run_id))
            return {
                "threadId": origin.thread_id,
                "codexSocket": str(self._host.socket),
                "codex": str(self._host.codex),
                "cwd": origin.cwd,
            }

        return methods | {ATTACH: attach} | human_methods(own)

    async def _status(self, runs: RunHost, *, asking: int = 1) -> dict[str, Any]:
        """Return the status; `asking` connections do not count as clients."""
        stats = await runs.engine.stats()
        return {
            "version": codexmcp.__version__,
            "pid": os.getpid(),
            "codexPid": self._host.pid,
            "uptimeSeconds": round(time.monotonic() - self._started, 1),
            "clients": len(self._servers) - asking,
            "activeRuns": stats.active,
            "runs": {str(state): count for state, count in stats.counts.items()},
            "draining": stats.draining or self._stopping.is_set(),
            **self._told,
        }


async def _is_idle(runs: RunHost) -> bool:
    try:
        # A hanging store must not delay the reaction to a stop.
        async with asyncio.timeout(IDLE_CHECK_S):
            stats = await runs.engine.stats()
    except (CodexMCPError, TimeoutError):
        return False
    return stats.active == 0 and not stats.counts.get(RunState.QUEUED)


def _only(error: Exception) -> Exception:
    """Return the only error in nested groups, or the innermost group of several errors."""
    inside: Sequence[Exception] = getattr(error, "exceptions", ())
    return _only(inside[0]) if len(inside) == 1 else error
