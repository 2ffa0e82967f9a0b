"""One turn, from its input to an ending that is always found.

Promises: `run_turn` returns or raises within its bounds even when Codex forgets to say that the
turn ended, falls silent or dies; a turn that is given up is interrupted, its commands are killed.

Source: `turn/completed` can get lost (https://github.com/openai/codex/issues/28495).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from codexmcp.appserver.client import INTERRUPT_TIMEOUT_S, AppServer
from codexmcp.appserver.events import (
    AgentMessage,
    CommandOutputDelta,
    ConnectionLost,
    ErrorReported,
    Event,
    ItemCompleted,
    ItemStarted,
    MessageDelta,
    TokenUsage,
    TokenUsageUpdated,
    TurnCompleted,
    TurnError,
    TurnStatus,
    final_message,
    last_message_of,
    parse_error,
    parse_turn_status,
)
from codexmcp.appserver.requests import TurnOptions
from codexmcp.errors import AppServerError, DeadlineError, RequestError
from codexmcp.jsonvalues import list_of, object_of

EventCallback = Callable[[Event], None]

SETTLE_TIMEOUT_S = 10.0
"""Bound on asking what became of a silent turn: a Codex that hangs does not answer that either."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Bounds on a turn, in seconds; None means none.

    Attributes:
        timeout_s: On the whole turn.
        idle_s: On the time without any event. A retry that Codex announces counts as silence.
    """

    timeout_s: float | None = None
    idle_s: float | None = 600.0


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a turn ended.

    Attributes:
        thread_id: The thread it belongs to.
        turn_id: Codex's id of the turn.
        status: Completed, interrupted or failed.
        message: The last thing that the model said; empty when it said nothing.
        error: Why it failed; None when it did not.
        usage: Tokens that this turn spent.
    """

    thread_id: str
    turn_id: str
    status: TurnStatus
    message: str
    error: TurnError | None
    usage: TokenUsage


@dataclass(slots=True)
class _Progress:
    """What the events of a turn have told so far.

    Attributes:
        heard_at: The loop's time of the last sign of life.
    """

    heard_at: float
    turn_id: str = ""
    message: str = ""
    usage: TokenUsage = field(default_factory=TokenUsage)
    last_error: TurnError | None = None

    def silence_left_s(self, idle_s: float | None, now: float) -> float:
        """Return how long Codex may still be silent."""
        return float("inf") if idle_s is None else self.heard_at + idle_s - now

    def note(self, event: Event) -> None:
        match event:
            case ItemCompleted(item=AgentMessage() as message):
                self.message = final_message(self.message, message)
            case ItemCompleted() | ItemStarted(item=AgentMessage()):
                # A command that was left in the background may end after the answer.
                pass
            case ItemStarted(item=item):
                self.message = final_message(self.message, item)
            case TokenUsageUpdated(last=last):
                self.usage = self.usage + last
            case ErrorReported(error=error):
                self.last_error = error
            case _:
                pass


async def run_turn(
    server: AppServer,
    thread_id: str,
    items: Sequence[Mapping[str, Any]],
    options: TurnOptions,
    limits: TurnLimits,
    on_event: EventCallback,
    is_waiting: Callable[[], bool] = lambda: False,
) -> TurnResult:
    """Give a thread input and wait for the end of the turn.

    Args:
        server: The app-server that has the thread loaded.
        thread_id: The thread. No other turn of it may be running: Codex would steer that one.
        items: Input items, as `requests.text_input` makes them.
        options: How the turn is to work.
        limits: Bounds on time.
        on_event: Is handed each event of the thread, in order. Must not block.
        is_waiting: Returns whether Codex waits for an answer of ours; its silence does not count.

    Raises:
        RequestError: Codex cannot start the turn.
        AppServerClosedError: The app-server ended during the turn.
        DeadlineError: A bound was reached; the turn was interrupted.
    """
    queue: asyncio.Queue[Event] = asyncio.Queue()

    progress = _Progress(heard_at=asyncio.get_running_loop().time())

    def take(event: Event) -> None:
        # In this order, so that a callback that raises cannot cost the turn its ending.
        if isinstance(event, MessageDelta | CommandOutputDelta):
            # A message may come in 20,000 pieces, and they say nothing about the ending.
            progress.heard_at = asyncio.get_running_loop().time()
        else:
            queue.put_nowait(event)
        if event.method == "turn/started" and not progress.turn_id:
            progress.turn_id = event.turn_id
        on_event(event)

    with server.listen(thread_id, take):
        progress.turn_id = await _start(server, thread_id, items, options, progress)
        try:
            async with (
                _given_up_on_failure(server, thread_id, progress.turn_id),
                asyncio.timeout(limits.timeout_s),
            ):
                return await _await_end(server, thread_id, progress, queue, limits, is_waiting)
        except TimeoutError:
            raise DeadlineError(
                f"the turn was not done after {limits.timeout_s:g} s and was interrupted; its "
                f"thread {thread_id} can be continued{_cause(progress)}"
            ) from None


@contextlib.asynccontextmanager
async def _given_up_on_failure(
    server: AppServer, thread_id: str, turn_id: str
) -> AsyncGenerator[None, None]:
    """Give the turn up unless the block ends normally: nobody would be told of its end."""
    try:
        yield
    except (Exception, asyncio.CancelledError):
        await asyncio.shield(_give_up(server, thread_id, turn_id))
        raise


async def _start(
    server: AppServer,
    thread_id: str,
    items: Sequence[Mapping[str, Any]],
    options: TurnOptions,
    progress: _Progress,
) -> str:
    """Start the turn; when nobody waits for it any more, learn its id first, to give it up."""
    starting = asyncio.ensure_future(server.start_turn(thread_id, items, options))
    try:
        return await asyncio.shield(starting)
    except (DeadlineError, asyncio.CancelledError):
        await asyncio.shield(_withdraw(server, thread_id, starting, progress))
        raise


async def _withdraw(
    server: AppServer, thread_id: str, starting: asyncio.Future[str], progress: _Progress
) -> None:
    await asyncio.wait({starting}, timeout=INTERRUPT_TIMEOUT_S)
    if not starting.done():
        starting.cancel()
    try:
        turn_id = await starting
    except (DeadlineError, asyncio.CancelledError):
        # Codex may have begun without an answer, and then tells the id in `turn/started`.
        turn_id = progress.turn_id
    except AppServerError:
        return
    await _give_up(server, thread_id, turn_id)


async def _await_end(
    server: AppServer,
    thread_id: str,
    progress: _Progress,
    queue: asyncio.Queue[Event],
    limits: TurnLimits,
    is_waiting: Callable[[], bool],
) -> TurnResult:
    loop = asyncio.get_running_loop()
    progress.heard_at = loop.time()
    while True:
        event = await _next_event(queue, progress.silence_left_s(limits.idle_s, loop.time()))
        if event is None:
            if is_waiting():
                progress.heard_at = loop.time()
            if progress.silence_left_s(limits.idle_s, loop.time()) > 0:
                continue
            recorded = await _recorded_turn(server, thread_id, progress.turn_id)
            if queue.empty():
                return _settle_silence(thread_id, progress, limits, recorded)
            continue
        if isinstance(event, ConnectionLost):
            raise event.reason
        if event.turn_id not in {"", progress.turn_id}:
            continue  # what an interrupted turn before this one still had to say
        progress.note(event)
        if isinstance(event, TurnCompleted) and event.turn_id == progress.turn_id:
            return _result_of(thread_id, progress, event)
        if not _is_retry(event):
            progress.heard_at = loop.time()


async def _next_event(queue: asyncio.Queue[Event], timeout_s: float) -> Event | None:
    """Return the next event; None after `timeout_s` without one."""
    if not queue.empty():
        return queue.get_nowait()
    try:
        async with asyncio.timeout(None if timeout_s == float("inf") else timeout_s):
            return await queue.get()
    except TimeoutError:
        return None


def _settle_silence(
    thread_id: str,
    progress: _Progress,
    limits: TurnLimits,
    recorded: Mapping[str, Any],
) -> TurnResult:
    """Return the end of a silent turn as Codex has recorded it; raise when it still runs."""
    status = parse_turn_status(recorded.get("status", TurnStatus.IN_PROGRESS))
    if status is not TurnStatus.IN_PROGRESS:
        message = last_message_of(recorded) or progress.message
        error = parse_error(recorded.get("error"))
        return TurnResult(thread_id, progress.turn_id, status, message, error, progress.usage)
    raise DeadlineError(
        f"Codex was silent for {limits.idle_s:g} s and the turn was interrupted; its thread "
        f"{thread_id} can be continued{_cause(progress)}"
    )


async def _recorded_turn(server: AppServer, thread_id: str, turn_id: str) -> Mapping[str, Any]:
    with contextlib.suppress(RequestError, DeadlineError, TimeoutError):
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            thread = await server.read_thread(thread_id)
        for turn in map(object_of, list_of(thread.get("turns"))):
            if turn.get("id") == turn_id:
                return turn
    return {}


async def _give_up(server: AppServer, thread_id: str, turn_id: str) -> None:
    with contextlib.suppress(AppServerError):
        await server.interrupt_turn(thread_id, turn_id)
        # An interrupted turn leaves its shell commands running (measured up to 0.169.0).
        await server.clean_background_terminals(thread_id)


def _result_of(thread_id: str, progress: _Progress, end: TurnCompleted) -> TurnResult:
    error = end.error or (progress.last_error if end.status is TurnStatus.FAILED else None)
    return TurnResult(
        thread_id, progress.turn_id, end.status, progress.message, error, progress.usage
    )


def _is_retry(event: Event) -> bool:
    return isinstance(event, ErrorReported) and event.error.will_retry


def _cause(progress: _Progress) -> str:
    return f" (last error: {progress.last_error.message})" if progress.last_error else ""
