"""A running `codex app-server` and its typed calls.

Owns the process and the connection. Promises: the end of the `async with` block ends both; the
death of the process fails every open call at once, with the cause.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Generator,
    Mapping,
    Sequence,
)
from typing import Any

import codexmcp
from codexmcp.appserver import oversized, refusals
from codexmcp.appserver.agents import Agents
from codexmcp.appserver.child import Child
from codexmcp.appserver.events import ConnectionLost, parse_event
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.listeners import EventCallback, Listeners
from codexmcp.appserver.not_started import did_not_start, informative_lines
from codexmcp.appserver.peer import Peer
from codexmcp.appserver.requests import ThreadInfo, ThreadOptions, TurnOptions
from codexmcp.appserver.sandboxes import end_sandboxes_of_thread
from codexmcp.appserver.spawn import Spawned, spawn_server
from codexmcp.appserver.startup import StartupWait
from codexmcp.appserver.thread_store import repeated
from codexmcp.appserver.tool_log import ToolLog
from codexmcp.appserver.version import check_user_agent
from codexmcp.errors import AppServerClosedError, DeadlineError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonvalues import dig, object_of, text_of

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 30.0
"""Bound on `initialize`, which took 0.05 s here, and 0.13 s with a new Codex home."""

CALL_TIMEOUT_S = 60.0
"""Bound on a call without a model request. The slowest measured call, `thread/resume` of a
thread with 1,000 turns, took 0.8 s."""

INTERRUPT_TIMEOUT_S = 2.0
"""Bound on `turn/interrupt`: up to 0.163.0, an interrupt of a just ended turn is never answered
(https://github.com/openai/codex/issues/36926)."""

UNARCHIVE_TIMEOUT_S = 600.0
"""Bound on unarchiving, generous because an aborted call would leave a conversation in the
archive."""

RequestCallback = Callable[[messages.Request], Awaitable[object]]
PaceCallback = Callable[[], Awaitable[None]]


class AppServer:
    """The client of an app-server, created by `launch` or `attach`."""

    def __init__(
        self,
        child: Peer,
        on_request: RequestCallback | None,
        pace: PaceCallback | None,
        aliases: Mapping[str, str],
    ) -> None:
        self._child = child
        self._on_request = on_request
        self._connection = Connection(
            child.stream,
            self,
            messages.Dialect.APP_SERVER,
            bounds=oversized.BOUNDS,
            reduce=oversized.reduce,
            pace=pace,
        )
        self._connection.set_aliases(aliases)
        self.agents = Agents()
        """The trees of threads known to this connection."""
        self._listeners = Listeners(self.agents)
        self.siblings: Collection[AppServer] = (self,)
        """All connections of this process to the same app-server, including this connection."""
        self.unloads_on_unsubscribe = False
        """Codex unloads a thread without subscribers."""
        self._closed_by: AppServerClosedError | None = None
        self.closed = asyncio.Event()
        self.info: Mapping[str, Any] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        options: LaunchOptions,
        spawned: Spawned | None = None,
        *,
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Start an app-server, shake hands, and end the process with the block.

        Args:
            options: Launch options.
            spawned: The running process of the first start, if any.
            on_request: Answers Codex's requests, for example approvals. None: refuse each request,
                which Codex treats as a decline.
            pace: Awaited after each batch of events: a slow consumer then slows Codex down.

        Raises:
            CodexBinaryError: The binary cannot be started, or is too old.
            AppServerClosedError: The process ended, or the handshake timed out.
        """
        startup = StartupWait(options)
        log = ToolLog()
        async with contextlib.AsyncExitStack() as stack:

            async def start() -> AppServer:
                nonlocal spawned
                first, spawned = spawned, None
                child = await Child.own(
                    first or spawn_server(options),
                    on_stderr=startup.on_stderr,
                    digest=log.digest,
                )
                attaching = cls.attach(
                    child, options, on_request=on_request, pace=pace, startup=startup, log=log
                )
                return await stack.enter_async_context(attaching)

            yield await startup.run(start)

    @classmethod
    @contextlib.asynccontextmanager
    async def attach(
        cls,
        child: Peer,
        options: LaunchOptions,
        *,
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
        startup: StartupWait | None = None,
        log: ToolLog | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Shake hands with a running app-server, and end the process with the block.

        Args:
            child: The app-server.
            options: The launch options of the process.
            on_request: See `launch`.
            pace: See `launch`.
            startup: Extends the bound on the handshake during indexing, for a starting process.
            log: Source of tool results. None: stderr is not read.
        """
        server = cls(child, on_request, pace, options.aliases)
        reading = asyncio.create_task(server._read())
        try:
            with contextlib.nullcontext() if log is None else log.added(server._listeners.tell):
                await server._initialize(options, startup or StartupWait(None))
                yield server
        finally:
            stopped = AppServerClosedError("the app-server was stopped")
            # First, because pending calls wait only for this.
            server._lose(stopped)
            try:
                await server._connection.close(stopped)
            finally:
                await asyncio.shield(child.stop())
                reading.cancel()
                await asyncio.wait({reading})

    @property
    def pid(self) -> int:
        """Process id of the app-server."""
        return self._child.pid

    @property
    def closed_by(self) -> AppServerClosedError | None:
        """Cause of the connection's end. None: connected."""
        return self._closed_by

    @contextlib.contextmanager
    def listen(self, thread_id: str, callback: EventCallback) -> Generator[None, None, None]:
        """Call `callback` with every event of a thread's tree, in order, during the block.

        Events of sub-agents have their own thread's id. The end of the app-server is a
        `ConnectionLost`, each tool result a `ToolFinished`.
        """
        with self._listeners.added(thread_id, callback):
            yield

    def abort(self, reason: str) -> None:
        """Treat the app-server as ended, for an external reason."""
        self._lose(AppServerClosedError(reason))

    async def start_thread(self, options: ThreadOptions) -> ThreadInfo:
        """Start a thread.

        Raises:
            RequestError: Codex refused the options.
        """
        return ThreadInfo.of(await repeated(lambda: self.call("thread/start", options.to_wire())))

    async def resume_thread(self, thread_id: str, options: ThreadOptions) -> ThreadInfo:
        """Load a thread from its rollout, and become its only writer.

        Raises:
            RequestError: No such thread, another writer, or a newer Codex started the thread.
        """
        params = {"threadId": thread_id, "excludeTurns": True, **options.to_wire()}
        info = ThreadInfo.of(await repeated(lambda: self.call("thread/resume", params)))
        if refusal := refusals.newer_thread(object_of(info.raw.get("thread")), self.info):
            await self.call("thread/unsubscribe", {"threadId": info.id})
            raise refusal
        return info

    async def load_thread(self, thread_id: str, options: ThreadOptions) -> ThreadInfo:
        """Resume a thread, archived or not; see `resume_thread`."""
        try:
            return await self.resume_thread(thread_id, options)
        except refusals.ArchivedThreadError:
            # A kill during an unload may have left the thread in the archive.
            params = {"threadId": thread_id}
            await self.call("thread/unarchive", params, timeout_s=UNARCHIVE_TIMEOUT_S)
        return await self.resume_thread(thread_id, options)

    async def fork_thread(
        self, thread_id: str, options: ThreadOptions, *, after: str | None = None
    ) -> ThreadInfo:
        """Start a thread with the history of another, which may have any writer.

        Args:
            thread_id: The other thread.
            options: Options of the new thread.
            after: The last turn to copy. None: copy all turns.

        Raises:
            RequestError: No such thread, refused options, or a newer Codex started the thread.
        """
        with contextlib.suppress(refusals.UnknownThreadError, refusals.ArchivedThreadError):
            thread = await self.read_thread(thread_id, include_turns=False)
            if refusal := refusals.newer_thread(thread, self.info):
                raise refusal
        params = {"threadId": thread_id, "excludeTurns": True, **options.to_wire()}
        if after is not None:
            params["lastTurnId"] = after
        return ThreadInfo.of(await repeated(lambda: self.call("thread/fork", params)))

    async def read_thread(self, thread_id: str, *, include_turns: bool = True) -> Mapping[str, Any]:
        """Return Codex's record of a thread, without becoming the writer."""
        params = {"threadId": thread_id, "includeTurns": include_turns}
        return object_of((await self.call("thread/read", params)).get("thread"))

    async def is_idle(self, thread_id: str) -> bool:
        """Return whether a loaded thread has no running turn, started by any client."""
        thread = await self.read_thread(thread_id, include_turns=False)
        return text_of(dig(thread, "status", "type")) != "active"

    async def start_turn(
        self, thread_id: str, items: Sequence[Mapping[str, Any]], options: TurnOptions
    ) -> str:
        """Send input to a thread and return the id of the turn.

        During another turn of the thread, Codex steers that turn and returns its id.
        """
        params = {"threadId": thread_id, "input": list(items), **options.to_wire()}
        return text_of(dig(await self.call("turn/start", params), "turn", "id")) or ""

    async def steer_turn(
        self, thread_id: str, turn_id: str, items: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add input to a running turn.

        Raises:
            RequestError: The turn is not running.
        """
        turn = {"threadId": thread_id, "expectedTurnId": turn_id}
        await self.call("turn/steer", {**turn, "input": list(items)})

    async def interrupt_turn(self, thread_id: str, turn_id: str) -> None:
        """Interrupt a turn; no error if already ended."""
        params = {"threadId": thread_id, "turnId": turn_id}
        with contextlib.suppress(DeadlineError, RequestError):
            await self.call("turn/interrupt", params, timeout_s=INTERRUPT_TIMEOUT_S)

    async def clean_background_terminals(self, thread_id: str) -> None:
        """End the background commands of a thread's turns."""
        await end_sandboxes_of_thread(self.pid, thread_id)
        with contextlib.suppress(DeadlineError, RequestError):
            params, bound_s = {"threadId": thread_id}, INTERRUPT_TIMEOUT_S
            await self.call("thread/backgroundTerminals/clean", params, timeout_s=bound_s)

    async def clear_goal(self, thread_id: str) -> bool:
        """Clear a thread's goal, for which Codex would begin turns; return whether a goal existed.

        Source: works also with `features.goals=false` (0.153.4, 0.163.0 and 0.171.0).
        """
        answer = await self.call("thread/goal/clear", {"threadId": thread_id})
        return answer.get("cleared") is True

    async def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = CALL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Call any method of app-server.

        Args:
            method: The method.
            params: The parameters.
            timeout_s: Bound on the wait, in seconds. None: wait until Codex ends.

        Raises:
            RequestError: Codex refused; `refusals` has the kinds.
            DeadlineError: No answer within the bound.
            AppServerClosedError: The app-server ended first.
        """
        if self._closed_by is not None:
            raise self._closed_by
        try:
            answer = await self._connection.request(method, params, timeout_s=timeout_s)
        except AppServerClosedError:
            await self.closed.wait()
            raise (self.closed_by or AppServerClosedError("the app-server ended")) from None
        except RequestError as error:
            raise refusals.typed(error) from None
        return object_of(answer)

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of Codex; called by the connection."""
        if self._on_request is None:
            raise RequestError(request.method, messages.METHOD_NOT_FOUND, "no handler")
        return await self._on_request(request)

    def on_notification(self, notification: messages.Notification) -> None:
        """Deliver an event to the listeners of its tree; called by the connection."""
        if notification.method == "turn/completed":
            # The log already has the tool results of the turn.
            self._child.read_stderr()
        event = parse_event(notification.method, notification.params)
        self.agents.note(event)
        self._listeners.tell(event)

    def on_invalid(self, message: messages.InvalidMessage) -> None:
        """Log an invalid line; called by the connection."""
        logger.warning("app-server sent an invalid line: %s", message.reason)

    async def _read(self) -> None:
        try:
            await self._connection.serve()
        except Exception as error:
            logger.exception("reading from the app-server failed")
            await self._note_closed(f"the connection to the app-server broke: {error}")
        else:
            await self._note_closed("the app-server closed the connection")

    async def _note_closed(self, reason: str) -> None:
        exited = await self._child.exited(timeout_s=1.0)
        last_words = await self._child.last_words()
        if exited:
            reason = f"`codex app-server` ended: {self._child.describe_exit()}"
        self._lose(AppServerClosedError(reason, informative_lines(last_words)))

    def _lose(self, reason: AppServerClosedError) -> None:
        """Mark the connection as ended; only the first reason counts."""
        if self._closed_by is not None:
            return
        self._closed_by = reason
        self.closed.set()
        self._listeners.tell_all(ConnectionLost(reason))

    async def _initialize(self, options: LaunchOptions, startup: StartupWait) -> None:
        params = {
            "clientInfo": {
                "name": "codexmcp",
                "title": "codexmcp",
                "version": codexmcp.__version__,
            },
            "capabilities": {
                "experimentalApi": True,
                "optOutNotificationMethods": list(options.opt_out),
            },
        }
        try:
            async with startup.bound(HANDSHAKE_TIMEOUT_S):
                self.info = await self.call("initialize", params, timeout_s=None)
        except AppServerClosedError as error:
            raise did_not_start(options, error) from None
        except TimeoutError:
            reason = f"did not answer as an app-server within {HANDSHAKE_TIMEOUT_S:g} s"
            told = self._child.stderr_tail
            raise AppServerClosedError(f"{options.codex} {reason}", told) from None
        version = check_user_agent(options.codex, str(self.info.get("userAgent", "")))
        self.unloads_on_unsubscribe = options.unloads_on_unsubscribe(version)
        self._connection.notify("initialized", {})
