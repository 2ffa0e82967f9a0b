"""The desk: the only way to run a turn on Codex.

Admits work, owns a thread during the work, loads the thread, runs turns with their trees, stops
trees, and gives threads back. Promises: every tree has an owner, first the holder of the seat, then
the desk; nothing of a tree continues after a stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Self

from codexmcp.appserver.answers import DECLINED, can_be_declined, to_codex
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event, TurnStatus
from codexmcp.appserver.refusals import DrainingError
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.codex.admission import Admission, Ticket
from codexmcp.codex.background import BackgroundTrees, Tree
from codexmcp.codex.source import CodexSource
from codexmcp.codex.stopping import Stopped, stop_tree
from codexmcp.codex.threads import MAX_LOADED, KnownThread, Threads, is_loaded
from codexmcp.codex.turns import SubAgentHandling, Turn, TurnResult, run_turn
from codexmcp.codex.unloading import end_commands, leave, unload
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import AppServerClosedError, CodexMCPError, RequestError, StateError
from codexmcp.jsonrpc.connection import NoAnswer
from codexmcp.jsonrpc.messages import METHOD_NOT_FOUND, Request
from codexmcp.jsonvalues import text_of

logger = logging.getLogger(__name__)

CROWDED = MAX_LOADED + 16
"""Number of loaded threads above which a new thread waits for an unload."""

DRAIN_TIMEOUT_S = 3600.0
"""Bound on the wait of unsent work for the turns of an ending app-server, in seconds."""

TIDY_TIMEOUT_S = 5.0
"""Bound on background work at the end, in seconds; an unload takes 10 ms, 2 s with a subscriber."""

Load = Callable[[AppServer, KnownThread | None], Awaitable[str]]
"""Starts, resumes or forks a thread. Called with the app-server and the known state of the
thread."""

Ask = Callable[[Request, str], Awaitable[object]]
"""Answers a question of Codex. Called with the request and the agent's path; empty for the root."""


class ThreadBusyError(StateError):
    """Another client works on the thread, with other terms."""


async def decline(request: Request, _agent: str) -> object:
    """Decline a question."""
    return to_codex(request, DECLINED, allow_amendments=False)


@dataclass(frozen=True, slots=True)
class ThreadRequest:
    """A thread to load, and the way to load it.

    Attributes:
        load: Loads the thread, unless already loaded with the same terms.
        thread_id: The thread. None: a new thread.
        terms: Terms of the thread, compared by equality.
        accepts_any_terms: Accept a loaded thread with any terms. Otherwise a thread with other
            terms is unloaded first, because Codex silently ignores new settings of a loaded thread.
        keeps_goal: Allow a goal on the thread; otherwise clear the goal.
        view_only: Load the thread only for attached people, with or without other work on the
            thread.
    """

    load: Load
    thread_id: str | None = None
    terms: object = None
    accepts_any_terms: bool = False
    keeps_goal: bool = False
    view_only: bool = False

    @property
    def keeps_terms(self) -> bool:
        """A loaded thread keeps its terms."""
        return self.accepts_any_terms or self.view_only


class Seat:
    """Exclusive use of a loaded thread. Created by `Desk.seat`.

    Attributes:
        server: The app-server with the thread.
        known: The thread.
        ticket: The admission slot, until the first item.
        cleared_goal: A goal was cleared from the thread; Codex would have begun turns for the goal.
    """

    def __init__(
        self, desk: Desk, server: AppServer, known: KnownThread, ticket: Ticket, *, cleared: bool
    ) -> None:
        self._desk = desk
        self.ticket = ticket
        self._ask: Ask = decline
        self._questions = 0
        self.server = server
        self.known = known
        self.cleared_goal = cleared

    async def turn(self, turn: Turn, ask: Ask, *, owner: object = None) -> TurnResult:
        """Run a turn; see `run_turn`.

        Args:
            turn: The turn.
            ask: Answers the questions of the whole tree.
            owner: The client that owns sub-agents and commands left at work.

        Raises:
            DrainingError: Codex was ending and accepted nothing. Codex has ended now, so the next
                seat is on a new app-server.
        """

        def on_event(event: Event) -> None:
            self.ticket.on_event(event)
            turn.on_event(event)

        whole = replace(
            turn,
            on_event=on_event,
            is_waiting=lambda: self._questions > 0 or turn.is_waiting(),
            tokens=TokenLedger(self.known.totals),
            cwd=self.known.cwd,
        )
        self._ask = ask
        ended_well = False
        try:
            async with self._desk.working(self):
                result = await run_turn(self.server, self.known.id, whole, self._desk.stop)
                ended_well = result.status is TurnStatus.COMPLETED
                return result
        except DrainingError:
            await _ended(self.server)
            raise
        finally:
            self.known.totals = whole.tokens.totals
            may_go_on = ended_well and turn.on_children is SubAgentHandling.LEAVE
            if not self.server.closed.is_set():
                idle_s = turn.limits.idle_s
                tree = Tree(self.server, self.known, owner, idle_s, may_go_on)
                self._desk.background.follow(tree)

    def notes(self, result: TurnResult) -> list[str]:
        """Return notes for the user about changes to the thread beside the turn."""
        notes: list[str] = []
        if self.cleared_goal:
            notes.append("a goal on this thread was cleared: it would begin turns by itself")
        if result.cut:
            notes.append(f"sub-agents were stopped: {', '.join(result.cut)}")
        return notes

    async def answer(self, request: Request, agent: str) -> object:
        """Answer a question of the tree during a turn."""
        self._questions += 1
        try:
            return await self._ask(request, agent)
        finally:
            self._questions -= 1


class Desk:
    """The work on a connection to an app-server.

    Args:
        source: Provides the app-server.
        threads: The app-server's threads, if shared with other desks.
        is_alone: No other client is connected to the app-server, so this desk must answer every
            question.

    Attributes:
        source: Provides the app-server.
        background: Trees without a waiting caller.
    """

    def __init__(
        self, source: CodexSource, threads: Threads | None = None, *, is_alone: bool = True
    ) -> None:
        self.source = source
        self._threads = Threads() if threads is None else threads
        self._is_alone = is_alone
        self._admission = Admission()
        self._seats: dict[str, Seat] = {}
        self._kept: set[str] = set()
        self._tidying: asyncio.Task[None] | None = None
        self.background = BackgroundTrees(self._threads, self.stop)

    @contextlib.asynccontextmanager
    async def seat(self, wanted: ThreadRequest) -> AsyncGenerator[Seat, None]:
        """Own a loaded thread during the block, after earlier work on the thread.

        Raises:
            RequestError: Codex cannot load the thread.
            ThreadBusyError: Another client works on the thread.
            AppServerError: Codex did not answer.
        """
        async with contextlib.AsyncExitStack() as stack:
            known = None
            if wanted.thread_id is not None:
                turn_of = self._threads.turn_of(wanted.thread_id)
                known = await stack.enter_async_context(turn_of)
                await self.background.release(wanted.thread_id)
            ticket = await self._admission.enter()
            stack.enter_context(ticket.held())
            server, thread_id, cleared = await self._loaded(wanted, known)
            if known is None or known.id != thread_id:
                known = await stack.enter_async_context(self._threads.turn_of(thread_id))
            if not self._has(known, wanted):
                known.note_loaded(self.source.generation, wanted.terms)
            yield Seat(self, server, known, ticket, cleared=cleared)

    @contextlib.asynccontextmanager
    async def working(self, seat: Seat) -> AsyncGenerator[None, None]:
        """Let a seat answer the questions of its tree during the block."""
        async with self._threads.mount_points.at_work(seat.known.cwd):
            self._seats[seat.known.id] = seat
            try:
                yield
            finally:
                del self._seats[seat.known.id]

    async def answer(self, request: Request) -> object:
        """Answer a question of Codex; called by the connection.

        Raises:
            NoAnswer: The question belongs to another client's turn.
            RequestError: The request is not a question.
        """
        thread_id = text_of(request.params.get("threadId")) or ""
        seat = self._seat_of(thread_id)
        if not (seat or self.background.has(thread_id) or self._is_alone):
            raise NoAnswer
        if not can_be_declined(request):
            raise RequestError(request.method, METHOD_NOT_FOUND, "codexmcp does not answer this")
        if seat is None:
            return await decline(request, "")
        return await seat.answer(request, seat.server.agents.path(thread_id))

    async def stop(self, server: AppServer, thread_id: str, awaited: str | None = None) -> Stopped:
        """Stop the tree of a thread; end an app-server that cannot stop the tree."""
        stopped = await stop_tree(server, thread_id, awaited)
        self.background.sweep(server, thread_id)
        if not stopped.is_quiet:
            self.source.end(server, f"it did not stop thread {thread_id} and was ended")
        return stopped

    @contextlib.asynccontextmanager
    async def attached(self, wanted: ThreadRequest) -> AsyncGenerator[None, None]:
        """Keep a thread loaded for an attached person, and unload the thread afterwards.

        Raises:
            RequestError: Codex cannot load the thread.
        """
        thread_id = wanted.thread_id
        assert thread_id is not None, "only a thread that exists can be looked at"
        with self._threads.attached(thread_id):
            if thread_id not in self._seats:
                async with self.seat(wanted):
                    pass
            yield
        async with self._threads.turn_of(thread_id) as known:
            await self._give_back(known)

    async def give_back(self, seat: Seat) -> None:
        """End the commands of a seat's tree, and unload the thread unless other work follows."""
        # Giving back waits for a slot, and a turn without any item would still hold its slot.
        seat.ticket.give_back()
        known = seat.known
        await self.background.release(known.id)
        with contextlib.suppress(CodexMCPError):
            if not known.attached or await seat.server.is_idle(known.id):
                await end_commands(seat.server, known.id)
        await self._give_back(known)
        await self._threads.mount_points.remove(known.cwd)

    async def give_back_kept(self) -> None:
        """Unload the threads kept loaded for the work of an attached person."""
        kept, self._kept = self._kept, set()
        for thread_id in kept:
            async with self._threads.turn_of(thread_id) as known:
                await self._give_back(known)

    async def make_room(self) -> None:
        """Unload threads before a start, if calls outrun the unloading, as on a busy machine."""
        if self._threads.loaded(self.source.generation) >= CROWDED:
            await self._unload_surplus(await self.source.get(), at_most=2)

    def tidy(self, server: AppServer) -> None:
        """Unload surplus threads in the background; takes 10 ms per thread."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._unload_surplus(server))

    async def leave(self, owner: object) -> None:
        """Stop the trees left at work by a disconnected client."""
        await self.background.end(owner)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Wait for background work, within a bound."""
        await self.background.close()
        if self._tidying is not None:
            # An aborted unload could leave a thread archived, and so hidden from its owner.
            await asyncio.wait({self._tidying}, timeout=TIDY_TIMEOUT_S)
            self._tidying.cancel()
            await asyncio.wait({self._tidying})

    def _seat_of(self, thread_id: str) -> Seat | None:
        for root, seat in self._seats.items():
            if root in seat.server.agents.lineage(thread_id):
                return seat
        return None

    async def _loaded(
        self, wanted: ThreadRequest, known: KnownThread | None
    ) -> tuple[AppServer, str, bool]:
        """Load a thread; return the app-server, the thread id, and whether a goal was cleared."""
        while True:
            server = await self.source.get()
            try:
                if known is not None and self._has(known, wanted):
                    if server.agents.turn(known.id) is not None and not wanted.view_only:
                        raise _busy(known.id)
                    return server, known.id, False
                if known is not None:
                    await self._free(server, known, wanted)
                thread_id = await wanted.load(server, known)
                if thread_id != wanted.thread_id or wanted.view_only:
                    return server, thread_id, False
                if not await server.is_idle(thread_id):
                    raise _busy(thread_id)
                cleared = not wanted.keeps_goal and await server.clear_goal(thread_id)
            except DrainingError as error:
                logger.warning("waiting for the end of an app-server: %s", error)
                await _ended(server)
            else:
                return server, thread_id, cleared

    def _has(self, known: KnownThread, wanted: ThreadRequest) -> bool:
        is_loaded_here = known.loaded_in == self.source.generation
        return is_loaded_here and (wanted.keeps_terms or known.terms == wanted.terms)

    async def _free(self, server: AppServer, known: KnownThread, wanted: ThreadRequest) -> None:
        """Unload a thread loaded by other clients, because loaded threads keep their sandbox."""
        if not wanted.keeps_terms and await is_loaded(server, known.id):
            if known.attached or not await server.is_idle(known.id):
                raise _busy(known.id)
            await unload(server, known.id)
        known.loaded_in = 0

    async def _give_back(self, known: KnownThread) -> None:
        # Waiting work goes first, because a caller waits for that work.
        async with self._admission.turn():
            if known.waiting > 1 or known.loaded_in != self.source.generation:
                return
            if known.attached:
                self._kept.add(known.id)
                return
            # A failed unload costs memory, and keeps the writer lock until the app-server's end.
            with contextlib.suppress(CodexMCPError):
                server = await self.source.get()
                # Unloading would end a turn started by an attached person.
                if await server.is_idle(known.id):
                    await leave(server, known.id)
                    known.loaded_in = 0
                else:
                    self._kept.add(known.id)

    async def _unload_surplus(self, server: AppServer, *, at_most: int | None = None) -> None:
        await self._threads.unload_surplus(
            lambda each: leave(server, each), self.source.generation, at_most=at_most
        )


def _busy(thread_id: str) -> ThreadBusyError:
    return ThreadBusyError(
        f"thread {thread_id} is in use: somebody is attached to it or works on it. Wait until that "
        "is done and try again, or work on a fork of it"
    )


async def _ended(server: AppServer) -> None:
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            await server.closed.wait()
    except TimeoutError:
        raise AppServerClosedError(
            f"`codex app-server` was asked to end and still runs after {DRAIN_TIMEOUT_S:g} s; "
            "nothing was sent to it: try again later"
        ) from None
