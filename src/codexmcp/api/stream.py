"""A turn of Codex under way: its events, its questions, its result.

Promises: leaving the block interrupts a turn that is under way, with its sub-agents and commands; a
consumer that is slow gets fewer and longer deltas, and holds up no other turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self

from codexmcp.api.events import QuestionAsked, Status, TextDelta, TurnEnded, TurnEvent, narrate
from codexmcp.api.options import OnQuestion, Reply, answer_of
from codexmcp.api.results import Result, TurnWork
from codexmcp.appserver.answers import DECLINED, Answer, kind_of, question_text, to_codex
from codexmcp.appserver.events import Event, TurnStarted, TurnStatus
from codexmcp.appserver.forms import fitted, form_of, url_of
from codexmcp.appserver.requests import text_input
from codexmcp.codex.desk import Desk, Seat
from codexmcp.errors import CodexMCPError, StateError, TurnFailedError
from codexmcp.jsonrpc.messages import Request
from codexmcp.policy.conversations import Listener
from codexmcp.policy.outcome import Outcome

ANSWER_TIMEOUT_S = 300.0
"""Bound on the wait for an answer to a question, which is declined then."""

Begin = Callable[[Listener], Awaitable[Outcome]]
"""Runs the turn, and tells the listener of it."""


class EventQueue:
    """The events that a consumer has not taken yet."""

    def __init__(self) -> None:
        self._events: deque[TurnEvent] = deque()
        self._pieces: list[str] = []
        self._has_news = asyncio.Event()
        self._is_closed = False

    def put(self, event: TurnEvent) -> None:
        """Add an event; a delta lengthens one of the same message that waits at the end."""
        if isinstance(event, TextDelta) and self._lengthens(event):
            self._pieces.append(event.text)
            return
        self._seal()
        self._events.append(event)
        self._pieces = [event.text] if isinstance(event, TextDelta) else []
        self._has_news.set()

    def close(self) -> None:
        """Take note that no further event comes."""
        self._is_closed = True
        self._has_news.set()

    async def get(self) -> TurnEvent | None:
        """Return the next event; None after the last one."""
        while not self._events:
            if self._is_closed:
                return None
            self._has_news.clear()
            await self._has_news.wait()
        if len(self._events) == 1:
            self._seal()
        return self._events.popleft()

    def _lengthens(self, delta: TextDelta) -> bool:
        last = self._events[-1] if self._pieces else None
        if not isinstance(last, TextDelta):
            return False
        return (last.message_id, last.agent) == (delta.message_id, delta.agent)

    def _seal(self) -> None:
        """Join the pieces of the delta at the end."""
        if len(self._pieces) > 1:
            last = self._events.pop()
            assert isinstance(last, TextDelta), "only deltas have pieces"
            text = "".join(self._pieces)
            self._events.append(TextDelta(text, last.message_id, last.agent))
        self._pieces = []


class TurnStream:
    """A turn of Codex under way. Made by `Codex.stream`; an asynchronous context manager.

    Iterate over it for the events, at most once. The iteration ends with `TurnEnded`, and raises
    the error of a turn that failed.

    Args:
        begin: Begins the turn.
        desk: Where it is done.
        on_question: Answers its questions; None leaves them to `answer`.
        keeps_events: Keep the events for a consumer.
    """

    def __init__(
        self,
        begin: Begin,
        desk: Desk,
        on_question: OnQuestion | None,
        *,
        keeps_events: bool = True,
    ) -> None:
        self._begin = begin
        self._desk = desk
        self._on_question = on_question
        self._keeps_events = keeps_events
        self._queue = EventQueue()
        self._work = TurnWork()
        self._seat: Seat | None = None
        self._begun = asyncio.Event()
        self._questions: dict[str, tuple[Request, asyncio.Future[Answer]]] = {}
        self._asked = 0
        self._task: asyncio.Task[Result] | None = None
        self.threads: set[str] = set()
        """The ids of the threads that the turn has worked with."""
        self.turns: set[asyncio.Task[Result]] = set()
        """The turns under way."""

    @property
    def thread_id(self) -> str | None:
        """The thread of the turn; None until it is loaded."""
        return None if self._seat is None else self._seat.known.id

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        self.turns.add(self._task)
        self._task.add_done_callback(self.turns.discard)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task = self._running()
        task.cancel()
        cancelled = None
        while not task.done():
            # The tree is stopped within bounds, and nothing of it may outlive the block.
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as again:
                cancelled = again
        if cancelled is not None:
            raise cancelled
        if not task.cancelled():
            # Whoever did not ask for the result has left of its own accord.
            task.exception()

    async def __aiter__(self) -> AsyncIterator[TurnEvent]:
        while (event := await self.next_event()) is not None:
            yield event
        await self.result()

    async def next_event(self) -> TurnEvent | None:
        """Return the next event; None after the last one."""
        return await self._queue.get()

    async def result(self) -> Result:
        """Wait for the end of the turn and return the result.

        Raises:
            TurnFailedError: Codex could not do it, or the message does not fit the output schema.
            DeadlineError: A bound was reached; the turn was interrupted.
            AppServerClosedError: Codex ended during the turn.
            CodexMCPError: It could not be started; `errors` has the kinds.
        """
        task = self._running()
        # Whoever gives up waiting does not end the turn.
        await asyncio.wait({task})
        if task.cancelled():
            raise StateError(
                "the block of the turn or of its Codex was left before the turn had ended"
            )
        return task.result()

    async def steer(self, prompt: str) -> None:
        """Add input to the turn while it works.

        Raises:
            StateError: The turn has ended; continue its thread with `resume`.
        """
        seat, turn_id = await self._under_way()
        await seat.server.steer_turn(seat.known.id, turn_id, [text_input(prompt)])

    async def interrupt(self) -> None:
        """Stop the turn with its sub-agents and commands; its result is `interrupted`.

        Returns also when the turn has ended already.
        """
        with contextlib.suppress(StateError):
            seat, _ = await self._under_way()
            await self._desk.stop(seat.server, seat.known.id)

    async def answer(self, question: QuestionAsked, reply: Reply) -> None:
        """Answer a question of the turn.

        Args:
            question: The question.
            reply: A decision, or the fields of the question's form, which accepts.

        Raises:
            StateError: The question does not wait, or not any more.
            UsageError: The reply is no decision, or does not fit the form.
        """
        request, waiting = self._questions.get(question.question_id, (None, None))
        if request is None or waiting is None or waiting.done():
            raise StateError(
                f"question {question.question_id} does not wait: it was answered, or its turn is "
                "over"
            )
        waiting.set_result(fitted(request, answer_of(reply)))

    def _running(self) -> asyncio.Task[Result]:
        if self._task is None:
            raise RuntimeError("use the stream in `async with`: its turn begins there")
        return self._task

    async def _under_way(self) -> tuple[Seat, str]:
        """Wait for the beginning of the turn; return its thread and its id."""
        task = self._running()
        begins = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait({begins, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            begins.cancel()
        seat = self._seat
        turn_id = None if seat is None else seat.server.agents.turn(seat.known.id)
        if seat is None or not turn_id or task.done():
            raise StateError("the turn has ended; continue its thread with `resume`")
        return seat, turn_id

    async def _run(self) -> Result:
        listener = Listener(
            on_seat=self._on_seat, on_event=self._on_event, on_question=self._on_question_of_codex
        )
        status: Status = "failed"
        error = ""
        try:
            outcome = await self._begin(listener)
            result = self._result(outcome)
            status = result.status
        except CodexMCPError as failure:
            error = str(failure)
            raise
        except asyncio.CancelledError:
            status = "interrupted"
            raise
        finally:
            self._put(TurnEnded(status, error))
            self._queue.close()
        return result

    def _result(self, outcome: Outcome) -> Result:
        turn = outcome.result
        was_interrupted = turn.status is TurnStatus.INTERRUPTED
        if outcome.fault and not was_interrupted:
            raise TurnFailedError(turn.thread_id, outcome.explanation)
        return Result(
            message=turn.last_message,
            thread_id=turn.thread_id,
            status="interrupted" if was_interrupted else "completed",
            output=outcome.output,
            usage=turn.usage,
            commands=tuple(self._work.commands),
            files=tuple(self._work.files),
            notes=outcome.notes,
            duration_s=outcome.duration_ms / 1000,
        )

    def _on_seat(self, seat: Seat) -> None:
        self._seat = seat
        self.threads.add(seat.known.id)

    def _on_event(self, thread_id: str, event: Event, agent: str) -> None:
        if event.thread_id:
            self.threads.add(event.thread_id)
        if isinstance(event, TurnStarted) and event.thread_id == thread_id:
            self._begun.set()
        for told in narrate(event, agent):
            self._put(told)

    def _put(self, event: TurnEvent) -> None:
        self._work.note(event)
        if self._keeps_events:
            self._queue.put(event)

    async def _on_question_of_codex(self, request: Request, agent: str) -> object:
        self._asked += 1
        question = QuestionAsked(
            str(self._asked),
            kind_of(request),
            question_text(request),
            form_of(request),
            url_of(request),
            agent,
        )
        self._put(question)
        answer = DECLINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await self._answered(question, request)
        return to_codex(request, answer, allow_amendments=False)

    async def _answered(self, question: QuestionAsked, request: Request) -> Answer:
        if self._on_question is not None:
            given = self._on_question(question)
            reply: Reply = await given if inspect.isawaitable(given) else given
            return fitted(request, answer_of(reply))
        if not self._keeps_events:
            # Nobody hears of it.
            return DECLINED
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions[question.question_id] = (request, waiting)
        try:
            return await waiting
        finally:
            del self._questions[question.question_id]
