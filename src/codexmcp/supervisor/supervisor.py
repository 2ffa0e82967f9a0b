"""The supervisor: `codexmcp serve`.

Owns Codex, the runs and the socket. Promises: one per address; on SIGTERM it takes nothing new,
lets runs end within the drain timeout (interrupts them at a second one) and leaves no process;
started on demand it ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import codexmcp
from codexmcp.appserver.launch import DELTAS
from codexmcp.appserver.orphans import orphans_ended, orphans_reaped
from codexmcp.appserver.socket_file import prepare_socket
from codexmcp.appserver.threads import Threads
from codexmcp.errors import CodexMCPError, ConfigurationError
from codexmcp.jsonrpc.connection import NoAnswer
from codexmcp.jsonrpc.messages import JsonObject, Request
from codexmcp.jsonvalues import text_of
from codexmcp.runs.states import RunState
from codexmcp.server.codex import CodexOptions
from codexmcp.server.engine import Engine
from codexmcp.server.keeper import AppServerKeeper
from codexmcp.server.protocol import McpServer, Method
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import Check
from codexmcp.server.stdio import raise_descriptor_limit
from codexmcp.supervisor.address import Address
from codexmcp.supervisor.clients import ClientOptions, Offer, serve_client
from codexmcp.supervisor.codex_host import CodexHost
from codexmcp.supervisor.doors import Door, Inside
from codexmcp.supervisor.hello import MAX_BYTES, Hello
from codexmcp.supervisor.human import human_methods
from codexmcp.supervisor.methods import ATTACH, STATUS, STOP
from codexmcp.supervisor.run_host import RunHost, RunHostOptions, run_host
from codexmcp.supervisor.setup_check import check_setup

logger = logging.getLogger(__name__)

IDLE_CHECK_S = 0.5

ANSWERS_S = 1.0
"""Bound on answers after the last run has ended. Who waits for a queued run gets none."""

PREDECESSOR_S = 20.0
"""How long we wait for one that is ending, which Codex, the key proxy and a container may hold up
for some seconds. A client that has us started waits for 30."""

PREDECESSOR_POLL_S = 0.05
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """How to supervise.

    Attributes:
        address: Where to listen.
        codex: How to run Codex.
        runs: How runs are kept and worked on.
        read_options: Makes a client's greeting into options.
        idle_exit_s: End after so many seconds without clients and runs; None means never.
        doors: Further ways in, beside the socket.
        on_ready: Called once clients are taken.
    """

    address: Address
    codex: CodexOptions
    runs: RunHostOptions
    read_options: Callable[[Hello], ClientOptions]
    idle_exit_s: float | None = None
    doors: Sequence[Door] = ()
    on_ready: Callable[[], None] = lambda: None


async def supervise(options: SupervisorOptions) -> None:
    """Serve until stopped by a signal, a client, or by having nothing to do.

    Raises:
        ConfigurationError: Another one runs already, or the socket cannot be made.
        StoreError: The store cannot be opened.
    """
    signals = Signals()
    # Outermost: a signal that comes while what is left is ended must not stop that.
    with signals.heeded():
        async with _only_one(options.address, signals.stopping) as is_ours:
            if not is_ours:
                return
            with orphans_ended(always=True):
                raise_descriptor_limit()
                async with orphans_reaped():
                    try:
                        await Supervisor(options, signals).run()
                    except ExceptionGroup as group:
                        raise _only(group) from group


class Signals:
    """What was asked for by SIGTERM and SIGINT.

    Attributes:
        stopping: Set by the first one.
        hurrying: Set by the second one.
    """

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.hurrying = asyncio.Event()

    @contextlib.contextmanager
    def heeded(self) -> Generator[None, None, None]:
        """Take signals while the block runs."""
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
    """What the supervisor does between its start and its end."""

    def __init__(self, options: SupervisorOptions, signals: Signals) -> None:
        self._options = options
        self._stopping = signals.stopping
        self._hurrying = signals.hurrying
        self._servers: dict[McpServer, Engine | None] = {}
        self._clients: set[asyncio.Task[None]] = set()
        self._started = time.monotonic()
        self._threads = Threads()
        self._host = CodexHost(options.codex, options.address.codex_socket, self._on_stderr)
        self._for_runs = AppServerKeeper(
            lambda: self._host.connect(opt_out=DELTAS, on_request=self._ask_about_run)
        )
        self._for_calls = AppServerKeeper(
            lambda: self._host.connect(on_request=self._ask_about_call)
        )
        self._runs: RunHost | None = None
        self._told: dict[str, Any] = {}

    async def run(self) -> None:
        """Run to the end."""
        async with (
            self._host,
            self._for_runs,
            self._for_calls,
            run_host(self._options.runs, self._for_runs, self._threads) as self._runs,
            self._listening(self._offer(self._runs)),
            contextlib.AsyncExitStack() as stack,
        ):
            for door in self._options.doors:
                self._told |= await stack.enter_async_context(door(self._inside(self._runs)))
            self._options.on_ready()
            await self._until_stopped(self._runs)

    def _offer(self, runs: RunHost) -> Offer:
        return Offer(
            self._options.read_options,
            self._for_calls,
            self._threads,
            runs.service,
            self._check,
            lambda stack: self._methods(runs, stack),
            is_kept=self._options.idle_exit_s is None,
        )

    def _inside(self, runs: RunHost) -> Inside:
        return Inside(runs.service, self._check, lambda: self._status(runs, asking=0))

    def _check(self, caller: Caller) -> Check:
        return lambda: check_setup(caller, self._options.runs, self._for_runs)

    @contextlib.asynccontextmanager
    async def _listening(self, offer: Offer) -> AsyncGenerator[None, None]:
        """Take clients while the block runs, and let go of all at its end."""
        path = self._options.address.socket
        prepare_socket(path)

        def on_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client = asyncio.create_task(serve_client(reader, writer, offer, self._servers))
            self._clients.add(client)
            client.add_done_callback(self._clients.discard)

        server = await asyncio.start_unix_server(on_client, path, backlog=_BACKLOG, limit=MAX_BYTES)
        path.chmod(0o600)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)
            for client in self._clients:
                client.cancel()
            if self._clients:
                await asyncio.wait(set(self._clients))

    async def _until_stopped(self, runs: RunHost) -> None:
        """Wait for a reason to end; then for the runs under way, while clients still see them."""
        idle_since = time.monotonic()
        while not self._stopping.is_set():
            if self._clients or not _is_idle(runs):
                idle_since = time.monotonic()
            idle_s = self._options.idle_exit_s
            if idle_s is not None and time.monotonic() - idle_since >= idle_s:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_CHECK_S):
                    await self._stopping.wait()
        await self._drain(runs)

    async def _drain(self, runs: RunHost) -> None:
        """Let the runs under way end; a second signal interrupts them."""
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
        """Let clients have the answers that the ends of their runs lead to."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWERS_S):
                for server in list(self._servers):
                    await server.connection.answers_done()

    async def _ask_about_run(self, request: Request) -> object:
        if self._runs is None:
            raise NoAnswer
        return await self._runs.executor.on_codex_request(request)

    async def _ask_about_call(self, request: Request) -> object:
        """Put a question of Codex to the client whose call raised it."""
        thread_id = text_of(request.params.get("threadId")) or ""
        for server, engine in self._servers.items():
            if engine is not None and engine.works_on(thread_id):
                return await server.on_codex_request(request)
        # It was raised by a run, or by somebody who is attached; they are asked as well.
        raise NoAnswer

    def _on_stderr(self, line: str) -> None:
        if self._runs is not None:
            self._runs.executor.on_stderr(line)

    def _methods(self, runs: RunHost, stack: contextlib.AsyncExitStack) -> dict[str, Method]:
        async def status(_params: JsonObject) -> object:
            return self._status(runs)

        async def stop(_params: JsonObject) -> object:
            self._stopping.set()
            return self._status(runs)

        async def attach(params: JsonObject) -> object:
            run_id = text_of(params.get("runId")) or ""
            origin = runs.service.origin(run_id, cwd=text_of(params.get("cwd")))
            run = None if origin.request is None else runs.service.get(run_id)
            await stack.enter_async_context(runs.executor.attached(origin.thread_id, run))
            return {
                "threadId": origin.thread_id,
                "codexSocket": str(self._host.socket),
                "codex": str(self._host.codex),
                "cwd": origin.cwd,
            }

        own: dict[str, Method] = {STATUS: status, STOP: stop, ATTACH: attach}
        return own | human_methods(runs.service)

    def _status(self, runs: RunHost, *, asking: int = 1) -> dict[str, Any]:
        """Return how we are, for so many who ask and are no clients in this sense."""
        stats = runs.engine.stats()
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


def _is_idle(runs: RunHost) -> bool:
    try:
        stats = runs.engine.stats()
    except CodexMCPError:
        return False
    return stats.active == 0 and not stats.counts.get(RunState.QUEUED)


def _only(error: Exception) -> Exception:
    """Return what went wrong, out of the groups that it came in if it is the only thing."""
    inside: Sequence[Exception] = getattr(error, "exceptions", ())
    return _only(inside[0]) if len(inside) == 1 else error


@contextlib.asynccontextmanager
async def _only_one(address: Address, stopping: asyncio.Event) -> AsyncGenerator[bool, None]:
    """Be the only supervisor of an address while the block runs; yield False if stopped first."""
    address.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(address.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + PREDECESSOR_S
        while not _is_locked(fd):
            if stopping.is_set():
                yield False
                return
            # Without a socket it takes nobody any more: whoever starts us was sent away by it.
            is_ending = not address.socket.exists()
            if not is_ending or time.monotonic() > deadline:
                raise _taken(fd)
            await asyncio.sleep(PREDECESSOR_POLL_S)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield True
    finally:
        os.close(fd)


def _is_locked(fd: int) -> bool:
    """Lock a file for us unless somebody else has it; return whether it is ours."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _taken(fd: int) -> ConfigurationError:
    pid = os.pread(fd, 20, 0).decode(errors="replace").strip()
    return ConfigurationError(
        f"a supervisor already runs for this Codex home and these credentials (process "
        f"{pid or 'unknown'}); use that one, or end it with `codexmcp serve --stop`"
    )
