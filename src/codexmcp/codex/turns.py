"""A turn with its tree, from the input to a certain end.

Promises: `run_turn` returns or raises within its bounds, even if Codex never reports the end of the
turn, falls silent or dies; an abandoned turn is stopped with the whole tree.

Source: `turn/completed` can get lost (https://github.com/openai/codex/issues/28495).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from codexmcp.appserver.agents import sleeps_s
from codexmcp.appserver.client import INTERRUPT_TIMEOUT_S, AppServer
from codexmcp.appserver.events import (
    CommandOutputDelta,
    ConnectionLost,
    ErrorReported,
    Event,
    MessageDelta,
    TokenUsage,
    TurnError,
    TurnStatus,
    parse_error,
    parse_turn_status,
)
from codexmcp.appserver.final_answer import last_message_of
from codexmcp.appserver.requests import TurnOptions
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.appserver.unreported import Unreported
from codexmcp.codex.progress import TurnProgress
from codexmcp.codex.stopping import Stopped, stop_tree
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import AppServerError, DeadlineError, RequestError
from codexmcp.jsonvalues import list_of, object_of

EventCallback = Callable[[Event], None]
Stop = Callable[[AppServer, str, str | None], Awaitable[Stopped]]

SETTLE_TIMEOUT_S = 10.0
"""Bound on the query about a silent turn: a hanging Codex does not answer the query either."""


WORKING_FACTOR = 10
"""Factor on the idle bound while a sub-agent's command runs: Codex reports nothing about a
command without output, and the waiting parent is silent, too."""


class SubAgentHandling(StrEnum):
    """Handling of sub-agents that still work after a successful root turn."""

    LEAVE = "leave"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Bounds on a turn, in seconds. None: unbounded.

    Attributes:
        timeout_s: Bound on the whole turn.
        idle_s: Bound on the time without any event of the whole tree. An announced retry counts as
            silence; an agent's announced sleep does not.
    """

    timeout_s: float | None = None
    idle_s: float | None = 600.0


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The end of a turn.

    Attributes:
        thread_id: The thread.
        turn_id: Codex's turn id; the last turn, if Codex began further turns by itself.
        status: Completed, interrupted or failed.
        message: The final answer; may be empty.
        last_message: The last message after the last tool, independent of the model's declared
            phases.
        error: The cause of a failure. None: no failure.
        usage: Tokens spent by the turn and its tree.
        cut: Paths of the sub-agents stopped with the turn.
    """

    thread_id: str
    turn_id: str
    status: TurnStatus
    message: str
    error: TurnError | None
    usage: TokenUsage
    last_message: str = ""
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """Input and callbacks of a turn.

    Attributes:
        items: Input items, from `requests.text_input`.
        options: Options of the turn.
        limits: Bounds on time.
        on_children: Handling of sub-agents after success.
        on_event: Called with each event of the tree, in order. Must not block.
        is_waiting: Returns whether Codex waits for an answer; silence does not count then.
        tokens: The token count of the tree.
        cwd: The thread's working directory; empty if unknown.
    """

    items: Sequence[Mapping[str, Any]]
    options: TurnOptions = field(default_factory=TurnOptions)
    limits: TurnLimits = field(default_factory=TurnLimits)
    on_children: SubAgentHandling = SubAgentHandling.LEAVE
    on_event: EventCallback = lambda _event: None
    is_waiting: Callable[[], bool] = lambda: False
    tokens: TokenLedger = field(default_factory=TokenLedger)
    cwd: str = ""


async def run_turn(
    server: AppServer, thread_id: str, turn: Turn, stop: Stop = stop_tree
) -> TurnResult:
    """Send input to a thread and wait for the end of the turn.

    Args:
        server: The app-server with the thread.
        thread_id: The thread, without a running turn: Codex would steer that turn.
        turn: The turn.
        stop: Stops the tree of a thread.

    Raises:
        RequestError: Codex cannot start the turn; nothing was sent.
        AppServerClosedError: The app-server ended during the turn.
        DeadlineError: A bound was reached; the tree was stopped.
    """
    return await _Run(server, thread_id, turn, stop).run()


class _Run:
    def __init__(self, server: AppServer, thread_id: str, turn: Turn, stop: Stop) -> None:
        self._server = server
        self._stopping = stop
        self._thread_id = thread_id
        self._turn = turn
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._unreported: dict[str, Unreported] = {}
        self._progress = TurnProgress(thread_id, asyncio.get_running_loop().time())

    async def run(self) -> TurnResult:
        limits, progress = self._turn.limits, self._progress
        with self._server.listen(self._thread_id, self._take):
            try:
                async with asyncio.timeout(limits.timeout_s):
                    progress.turn_id = await self._start() or progress.turn_id
                    result = await self._await_end()
            except TimeoutError:
                await asyncio.shield(self._stop())
                raise DeadlineError(
                    f"the turn was not done after {limits.timeout_s:g} s and was interrupted; its "
                    f"thread {self._thread_id} can be continued{self._cause()}"
                ) from None
            except RequestError:
                raise
            except (Exception, asyncio.CancelledError):
                # The end of the turn would go unnoticed.
                await asyncio.shield(self._stop())
                raise
            finally:
                self._take_unreported()
            if result.status is TurnStatus.COMPLETED and self._may_go_on():
                return result
            return replace(result, cut=(await asyncio.shield(self._stop())).cut)

    def _may_go_on(self) -> bool:
        """Return whether the rest of the tree may continue after success."""
        match self._turn.on_children:
            case SubAgentHandling.LEAVE:
                return True
            case SubAgentHandling.WAIT:
                return not self._server.agents.busy(self._thread_id)
            case SubAgentHandling.STOP:
                return False

    def _take(self, event: Event) -> None:
        """Handle an event of the tree, preceded by the events that Codex omits."""
        if isinstance(event, MessageDelta | CommandOutputDelta):
            # A message may have 20,000 pieces, without any information about the end.
            self._heard()
            self._turn.on_event(event)
            return
        if isinstance(event, ConnectionLost):
            self._take_unreported()
            self._take_one(event)
            return
        thread_id = event.thread_id
        if (unreported := self._unreported.get(thread_id)) is None:
            unreported = self._unreported[thread_id] = Unreported(thread_id, self._turn.cwd)
        for each in unreported.take(event):
            self._take_one(each)

    def _take_unreported(self) -> None:
        for unreported in self._unreported.values():
            for event in unreported.rest():
                self._take_one(event)

    def _take_one(self, event: Event) -> None:
        # First, so a raising callback cannot lose the end of the turn.
        self._queue.put_nowait(event)
        self._turn.tokens.note(event.thread_id, event)
        self._progress.hear(event)
        self._turn.on_event(event)

    def _heard(self, more_s: float = 0.0) -> None:
        """Record a sign of life, or the later end of an announced sleep."""
        now = asyncio.get_running_loop().time()
        self._progress.heard_at = max(self._progress.heard_at, now + more_s)

    async def _start(self) -> str:
        """Start the turn; if the caller gives up, learn the turn's id first, for the stop."""
        turn = self._turn
        self._progress.was_sent = True
        starting = asyncio.ensure_future(
            self._server.start_turn(self._thread_id, turn.items, turn.options)
        )
        try:
            return await asyncio.shield(starting)
        except (DeadlineError, asyncio.CancelledError):
            await asyncio.shield(self._learn_id(starting))
            raise

    async def _learn_id(self, starting: asyncio.Future[str]) -> None:
        await asyncio.wait({starting}, timeout=INTERRUPT_TIMEOUT_S)
        starting.cancel()
        # Codex may have begun without an answer; `turn/started` then has the id.
        with contextlib.suppress(DeadlineError, AppServerError, asyncio.CancelledError):
            self._progress.turn_id = await starting or self._progress.turn_id

    async def _stop(self) -> Stopped:
        progress = self._progress
        if not progress.was_sent:
            return Stopped()
        awaited = None if progress.begun else progress.turn_id
        return await self._stopping(self._server, self._thread_id, awaited)

    async def _await_end(self) -> TurnResult:
        progress = self._progress
        while not self._is_over():
            event = await self._next_event(self._silence_left_s())
            if event is None:
                if self._turn.is_waiting():
                    self._heard()
                if self._silence_left_s() > 0:
                    continue
                if (settled := await self._settled()) is not None:
                    return settled
                continue
            if isinstance(event, ConnectionLost):
                raise event.reason
            progress.note(event)
            if not _is_retry(event):
                self._heard(sleeps_s(event))
        assert progress.end is not None
        return self._result(progress.end.status, progress.end.error)

    def _is_over(self) -> bool:
        progress = self._progress
        if progress.end is None:
            return False
        ended_well = progress.end.status is TurnStatus.COMPLETED
        if self._turn.on_children is not SubAgentHandling.WAIT or not ended_well:
            return True
        # A queued event may announce another turn.
        is_quiet = not progress.has_goal and not self._server.agents.busy(self._thread_id)
        return is_quiet and self._queue.empty()

    def _silence_left_s(self) -> float:
        idle_s = self._turn.limits.idle_s
        if idle_s is None:
            return float("inf")
        agents = self._server.agents.tree(self._thread_id)[1:]
        is_at_work = any(map(self._server.agents.has_commands, agents))
        allowed_s = idle_s * (WORKING_FACTOR if is_at_work else 1)
        return self._progress.heard_at + allowed_s - asyncio.get_running_loop().time()

    async def _next_event(self, timeout_s: float) -> Event | None:
        """Return the next event; None after `timeout_s`."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        try:
            async with asyncio.timeout(None if timeout_s == float("inf") else timeout_s):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _settled(self) -> TurnResult | None:
        """Return the end of a silent turn, from Codex's records.

        Returns:
            None: the turn should continue, after new events or the end of an agent.

        Raises:
            DeadlineError: The turn is still running.
        """
        if await self._has_news():
            return None
        progress = self._progress
        if progress.end is None:
            recorded = await self._recorded_turn()
            if not self._queue.empty():
                return None
            status = parse_turn_status(recorded.get("status", TurnStatus.IN_PROGRESS))
            if status is not TurnStatus.IN_PROGRESS:
                self._server.agents.mark_idle(self._thread_id)
                progress.settle(last_message_of(recorded))
                return self._result(status, parse_error(recorded.get("error")))
        idle_s = self._turn.limits.idle_s
        raise DeadlineError(
            f"Codex was silent for {idle_s:g} s and the turn was interrupted; its thread "
            f"{self._thread_id} can be continued{self._cause()}"
        )

    async def _has_news(self) -> bool:
        """Return whether a sub-agent's turn ended unreported; if so, record the end."""
        agents, found = self._server.agents, False
        for each in agents.busy(self._thread_id):
            if each == self._thread_id:
                continue
            with contextlib.suppress(RequestError, DeadlineError, TimeoutError):
                async with asyncio.timeout(SETTLE_TIMEOUT_S):
                    if await self._server.is_idle(each):
                        agents.mark_idle(each)
                        found = True
        return found and self._is_over()

    async def _recorded_turn(self) -> Mapping[str, Any]:
        with contextlib.suppress(RequestError, DeadlineError, TimeoutError):
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                thread = await self._server.read_thread(self._thread_id)
            for turn in map(object_of, list_of(thread.get("turns"))):
                if turn.get("id") == self._progress.turn_id:
                    return turn
        return {}

    def _result(self, status: TurnStatus, error: TurnError | None) -> TurnResult:
        progress = self._progress
        if error is None and status is TurnStatus.FAILED:
            error = progress.last_error
        return TurnResult(
            self._thread_id,
            progress.turn_id,
            status,
            progress.answer.text,
            error,
            self._turn.tokens.usage,
            progress.last_message,
        )

    def _cause(self) -> str:
        error = self._progress.last_error
        return f" (last error: {error.message})" if error else ""


def _is_retry(event: Event) -> bool:
    return isinstance(event, ErrorReported) and event.error.will_retry
