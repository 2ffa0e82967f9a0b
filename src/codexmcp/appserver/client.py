"""A running `codex app-server` and its typed calls.

Owns the process and the connection to it. Promises: `AppServer` ends both when its `async with`
block ends; when the process dies every open call fails at once with the cause.
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
from codexmcp.appserver.child import Child
from codexmcp.appserver.events import ConnectionLost, Event, parse_event
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.not_started import did_not_start
from codexmcp.appserver.patience import Patience
from codexmcp.appserver.peer import Peer
from codexmcp.appserver.requests import ThreadInfo, ThreadOptions, TurnOptions
from codexmcp.appserver.unloading import UNARCHIVE_TIMEOUT_S, Unloading
from codexmcp.appserver.version import check_user_agent
from codexmcp.errors import AppServerClosedError, DeadlineError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonvalues import dig, object_of, text_of

logger = logging.getLogger(__name__)

HANDSHAKE_TIMEOUT_S = 30.0
"""Bound on `initialize`. It took 0.05 s here, 0.13 s with a new Codex home."""

CALL_TIMEOUT_S = 60.0
"""Bound on a call that does not wait for the model. The slowest measured, `thread/resume` of a
thread with 1,000 turns, took 0.8 s."""

INTERRUPT_TIMEOUT_S = 2.0
"""Bound on `turn/interrupt`: up to 0.163.0 it is never answered when the turn has just ended
(https://github.com/openai/codex/issues/36926)."""

EventCallback = Callable[[Event], None]
RequestCallback = Callable[[messages.Request], Awaitable[object]]
PaceCallback = Callable[[], Awaitable[None]]


class AppServer:
    """The client's end of one app-server. Make one with `launch` or `attach`."""

    def __init__(
        self, child: Peer, on_request: RequestCallback | None, pace: PaceCallback | None
    ) -> None:
        self._child = child
        self._on_request = on_request
        self._listeners: dict[str, list[EventCallback]] = {}
        self._connection = Connection(
            child.stream,
            self,
            messages.Dialect.APP_SERVER,
            pace=pace,
        )
        self.siblings: Collection[AppServer] = (self,)
        """All connections of this process to the same app-server, this one among them."""
        self._unloading = Unloading(self)
        self._closed_by: AppServerClosedError | None = None
        self.closed = asyncio.Event()
        self.info: Mapping[str, Any] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def launch(
        cls,
        options: LaunchOptions,
        *,
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Start an app-server, shake hands, and end it with the block.

        Args:
            options: What to start.
            on_request: Answers Codex's own requests, such as approvals. Without it each is
                refused, which Codex takes as a decline.
            pace: Awaited after each batch of events: a slow consumer then slows Codex down.

        Raises:
            CodexBinaryError: It cannot be started, or is older than supported.
            AppServerClosedError: It ended, or did not shake hands in time.
        """
        patience = Patience(options)
        async with contextlib.AsyncExitStack() as stack:

            async def start() -> AppServer:
                child = await Child.start(
                    options.argv(),
                    env=options.env,
                    cwd=options.cwd,
                    on_stderr=patience.on_stderr,
                )
                attaching = cls.attach(
                    child, options, on_request=on_request, pace=pace, patience=patience
                )
                return await stack.enter_async_context(attaching)

            yield await patience.see_through(start)

    @classmethod
    @contextlib.asynccontextmanager
    async def attach(
        cls,
        child: Peer,
        options: LaunchOptions,
        *,
        on_request: RequestCallback | None = None,
        pace: PaceCallback | None = None,
        patience: Patience | None = None,
    ) -> AsyncGenerator[AppServer, None]:
        """Shake hands with an app-server that runs, and end it with the block.

        Args:
            child: The app-server.
            options: How it was started.
            on_request: See `launch`.
            pace: See `launch`.
            patience: What the bound on the handshake is subject to, where it is just starting.
        """
        server = cls(child, on_request, pace)
        reading = asyncio.create_task(server._read())
        try:
            await server._initialize(options, patience or Patience(None))
            yield server
        finally:
            stopped = AppServerClosedError("the app-server was stopped")
            # First of all, because what is still being called now waits for nothing else.
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
        """Why the connection ended; None while it lives."""
        return self._closed_by

    @contextlib.contextmanager
    def listen(self, thread_id: str, callback: EventCallback) -> Generator[None, None, None]:
        """Hand every event of a thread to `callback`, in order, while the block runs.

        The end of the app-server is handed over as `ConnectionLost`.
        """
        callbacks = self._listeners.setdefault(thread_id, [])
        callbacks.append(callback)
        try:
            yield
        finally:
            callbacks.remove(callback)
            if not callbacks:
                self._listeners.pop(thread_id, None)

    def abort(self, reason: str) -> None:
        """Take the app-server for ended, for a reason that it does not know itself."""
        self._lose(AppServerClosedError(reason))

    async def start_thread(self, options: ThreadOptions) -> ThreadInfo:
        """Start a thread.

        Raises:
            RequestError: Codex cannot use the options.
        """
        return _thread_info(await self.call("thread/start", options.to_wire()))

    async def resume_thread(self, thread_id: str, options: ThreadOptions) -> ThreadInfo:
        """Load a thread from its rollout, and become its only writer.

        Raises:
            RequestError: There is no such thread, or another process writes to it.
        """
        params = {"threadId": thread_id, "excludeTurns": True, **options.to_wire()}
        return _thread_info(await self.call("thread/resume", params))

    async def load_thread(self, thread_id: str, options: ThreadOptions) -> ThreadInfo:
        """Resume a thread, out of the archive if it lies there.

        Raises:
            RequestError: There is no such thread, or another process writes to it.
        """
        try:
            return await self.resume_thread(thread_id, options)
        except RequestError as error:
            if "is archived" not in error.message:
                raise
        # A kill may have left it there while it was being unloaded.
        params = {"threadId": thread_id}
        await self.call("thread/unarchive", params, timeout_s=UNARCHIVE_TIMEOUT_S)
        return await self.resume_thread(thread_id, options)

    async def fork_thread(
        self, thread_id: str, options: ThreadOptions, *, after: str | None = None
    ) -> ThreadInfo:
        """Start a thread with the history of another, which any process may write to meanwhile.

        Args:
            thread_id: The other thread.
            options: How the new one is to work.
            after: The last turn that it shall have; None for all.

        Raises:
            RequestError: There is no such thread, or Codex cannot use the options.
        """
        params = {"threadId": thread_id, "excludeTurns": True, **options.to_wire()}
        if after is not None:
            params["lastTurnId"] = after
        return _thread_info(await self.call("thread/fork", params))

    async def read_thread(self, thread_id: str, *, include_turns: bool = True) -> Mapping[str, Any]:
        """Return the thread as Codex has recorded it, without becoming its writer."""
        params = {"threadId": thread_id, "includeTurns": include_turns}
        answer = await self.call("thread/read", params)
        return object_of(answer.get("thread"))

    async def is_resting(self, thread_id: str) -> bool:
        """Return whether no turn of a loaded thread is under way, whoever started it."""
        thread = await self.read_thread(thread_id, include_turns=False)
        return text_of(dig(thread, "status", "type")) != "active"

    async def unload_thread(self, thread_id: str) -> None:
        """Unload a resting thread, whoever uses it, which frees its memory and its writer lock."""
        await self._unloading.unload(thread_id)

    async def leave_thread(self, thread_id: str) -> None:
        """Unload a resting thread, unless others use it; then it is unloaded once they leave."""
        await self._unloading.leave(thread_id)

    async def start_turn(
        self, thread_id: str, items: Sequence[Mapping[str, Any]], options: TurnOptions
    ) -> str:
        """Give a thread input and return the id of the turn that works on it.

        While another turn of the thread runs, Codex steers that one and returns its id.
        """
        params = {"threadId": thread_id, "input": list(items), **options.to_wire()}
        answer = await self.call("turn/start", params)
        return text_of(dig(answer, "turn", "id")) or ""

    async def steer_turn(
        self, thread_id: str, turn_id: str, items: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add input to a running turn.

        Raises:
            RequestError: That turn is not running.
        """
        params = {"threadId": thread_id, "expectedTurnId": turn_id, "input": list(items)}
        await self.call("turn/steer", params)

    async def interrupt_turn(self, thread_id: str, turn_id: str) -> None:
        """Interrupt a turn; returns also when it had ended already."""
        params = {"threadId": thread_id, "turnId": turn_id}
        with contextlib.suppress(DeadlineError, RequestError):
            await self.call("turn/interrupt", params, timeout_s=INTERRUPT_TIMEOUT_S)

    async def clean_background_terminals(self, thread_id: str) -> None:
        """Kill the commands that a thread's turns have left running."""
        with contextlib.suppress(DeadlineError, RequestError):
            await self.call(
                "thread/backgroundTerminals/clean",
                {"threadId": thread_id},
                timeout_s=INTERRUPT_TIMEOUT_S,
            )

    async def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = CALL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Call any method of app-server.

        Args:
            method: Its name.
            params: Its parameters.
            timeout_s: Bound on the wait, in seconds; None waits as long as Codex lives.

        Raises:
            RequestError: Codex refused.
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
        return object_of(answer)

    async def on_request(self, request: messages.Request) -> object:
        """Answer a request of Codex (the connection calls this)."""
        if self._on_request is None:
            raise RequestError(request.method, messages.METHOD_NOT_FOUND, "nobody answers here")
        return await self._on_request(request)

    def on_notification(self, notification: messages.Notification) -> None:
        """Hand an event to those who listen to its thread (the connection calls this)."""
        event = parse_event(notification.method, notification.params)
        self._tell(self._listeners.get(event.thread_id, ()), event)

    def on_junk(self, junk: messages.Junk) -> None:
        """Log a line that is no message (the connection calls this)."""
        logger.warning("app-server sent a line that is no message: %s", junk.reason)

    async def _read(self) -> None:
        try:
            await self._connection.serve()
        except Exception as error:
            logger.exception("reading from the app-server failed")
            await self._note_closed(f"the connection to the app-server broke: {error}")
        else:
            await self._note_closed("the app-server closed the connection")

    async def _note_closed(self, reason: str) -> None:
        if await self._child.exited(timeout_s=1.0):
            reason = f"`codex app-server` ended: {self._child.describe_exit()}"
        self._lose(AppServerClosedError(reason, telling(await self._child.last_words())))

    def _lose(self, reason: AppServerClosedError) -> None:
        """Take the connection for ended; only the first reason counts."""
        if self._closed_by is not None:
            return
        self._closed_by = reason
        self.closed.set()
        lost = ConnectionLost(reason)
        for callbacks in tuple(self._listeners.values()):
            self._tell(callbacks, lost)

    def _tell(self, callbacks: Sequence[EventCallback], event: Event) -> None:
        for callback in tuple(callbacks):
            try:
                callback(event)
            except Exception:  # one broken listener must not cost the others an ending
                logger.exception("a listener failed on %s", event.method)

    async def _initialize(self, options: LaunchOptions, patience: Patience) -> None:
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
            async with patience.bound(HANDSHAKE_TIMEOUT_S):
                self.info = await self.call("initialize", params, timeout_s=None)
        except AppServerClosedError as error:
            raise did_not_start(options, error) from None
        except TimeoutError:
            raise AppServerClosedError(
                f"{options.codex} did not answer as an app-server within {HANDSHAKE_TIMEOUT_S:g} s",
                self._child.stderr_tail,
            ) from None
        version = check_user_agent(options.codex, str(self.info.get("userAgent", "")))
        self._unloading.by_leaving = options.unloads_what_is_left(version)
        self._connection.notify("initialized", {})


def telling(stderr: str) -> str:
    """Return what of app-server's last words may say why it ended."""
    # Said at every start without a bubblewrap on PATH, where Codex uses its own.
    return "\n".join(line for line in stderr.splitlines() if "find bubblewrap" not in line)


def _thread_info(answer: Mapping[str, Any]) -> ThreadInfo:
    return ThreadInfo(text_of(dig(answer, "thread", "id")) or "", answer)
