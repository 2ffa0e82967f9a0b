"""Execution of one attempt at a run: from the claim to the recorded ending.

Promises: after any failure of Codex, the run ends in a state known to the store, the audit files
agree, and the thread is given back afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable

from codexmcp.appserver.answers import DECLINED, to_codex
from codexmcp.appserver.events import ErrorReported, Event, TurnStatus
from codexmcp.appserver.final_answer import EMPTY_ANSWER
from codexmcp.appserver.refusals import DrainingError
from codexmcp.appserver.requests import ThreadOptions, TurnOptions, image_input, text_input
from codexmcp.appserver.tokens import Tokens
from codexmcp.codex.desk import Desk, Seat, ThreadRequest
from codexmcp.codex.key_proxy import explained
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.codex.turns import SubAgentHandling, Turn, TurnLimits
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import AppServerClosedError, CodexMCPError, StateError, StoreError
from codexmcp.jsonrpc.messages import Request
from codexmcp.runs import endings, preparation, recovery
from codexmcp.runs.approvals import Approval, Approvals, Decision
from codexmcp.runs.attempt import Attempt, LiveTurn
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.endings import CheckOutput, Ending
from codexmcp.runs.goals import GoalBudget
from codexmcp.runs.run import Run
from codexmcp.runs.states import Phase, RunState
from codexmcp.runs.store import Change, RunStore

logger = logging.getLogger(__name__)

STORE_RETRY_S = 1.0
"""Interval between tries to store an ending, for example on a full disk."""

MAX_STARTS = 3
"""Bound on starts of a run if the app-server dies before anything was sent."""


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """Dependencies of the execution of runs.

    Attributes:
        desk: The desk for turns.
        store: The store of runs.
        reopen: Opens the audit files of a recorded run.
        check_output: Checks a final message against its schema.
        withheld: Returns the current paths with limited access for commands: a login may appear
            during a supervisor's life.
        allow_amendments: An answer may write a rule to the Codex home.
    """

    desk: Desk
    store: RunStore
    reopen: Callable[[Run], AuditTrail]
    check_output: CheckOutput
    withheld: Callable[[], RestrictedPaths] = RestrictedPaths
    allow_amendments: bool = False


class Executor:
    """Executes runs, many at a time.

    Args:
        needs: The dependencies.

    Attributes:
        approvals: The waiting questions of Codex.
    """

    def __init__(self, needs: RunDependencies) -> None:
        self._needs = needs
        self._attempts: set[Attempt] = set()
        self.approvals = Approvals(self._note_approvals)

    async def execute(self, attempt: Attempt) -> None:
        """Work on an attempt until the ending is recorded and the thread is free.

        Raises:
            asyncio.CancelledError: The process ends before the ending could be recorded.
        """
        attempt.trail = self._needs.reopen(attempt.run)
        self._attempts.add(attempt)
        try:
            async with contextlib.AsyncExitStack() as held:
                attempt.trail.state(attempt.run)
                ending = await self._ending(attempt, held)
                await self._record_ending(attempt, ending)
                await self._note_phase(attempt, Phase.AUDITED)
                attempt.end()
            await self._note_phase(attempt, Phase.GIVEN_BACK)
        finally:
            self._attempts.discard(attempt)
            await attempt.recorder.settled()
            attempt.trail.close()

    @contextlib.asynccontextmanager
    async def attached(self, thread_id: str, run: Run) -> AsyncGenerator[None, None]:
        """Keep a thread loaded for an observer, and unload the thread afterwards.

        Args:
            thread_id: The thread.
            run: The run with the settings of the thread.

        Raises:
            RequestError: The thread cannot be loaded.
        """
        options = await self._options(run)
        load = preparation.loader(thread_id, options)
        opening = ThreadRequest(load, thread_id, options, view_only=True)
        async with self._needs.desk.attached(opening):
            yield

    def on_stderr(self, line: str) -> None:
        """Record an app-server's stderr line with every possibly concerned run."""
        for attempt in self._attempts:
            if attempt.trail is not None:
                attempt.trail.stderr(line)

    async def _ending(self, attempt: Attempt, held: contextlib.AsyncExitStack) -> Ending:
        """Work on the run in a separate task, so stopping the run stops nothing else."""
        working = asyncio.create_task(self._work(attempt, held))
        attempt.works_in(working)
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            attempt.stop("the process that worked on it was stopped")
            await asyncio.wait({working})
            raise
        if working.cancelled():
            return Ending(RunState.INTERRUPTED, attempt.stopped_by or "", attempt.message)
        error = working.exception()
        if error is None:
            return working.result()
        if not isinstance(error, CodexMCPError):
            logger.error("the work on run %s failed", attempt.run.id, exc_info=error)
            return Ending(RunState.FAILED, f"internal error: {error!r}")
        if isinstance(error, DrainingError):
            return Ending(RunState.QUEUED, "Codex was ending and took nothing; it starts again")
        if isinstance(error, AppServerClosedError):
            return await self._settled(attempt, error)
        return endings.of_error(error)

    async def _settled(self, attempt: Attempt, error: AppServerClosedError) -> Ending:
        """Ask a new app-server for the end of a dead app-server's turn."""
        codex, run = self._needs.desk.source, attempt.run
        cause = (
            f"{error} (the key proxy: {codex.failure_cause})" if codex.failure_cause else str(error)
        )
        try:
            ending = await recovery.fate_of(codex, run, cause)
        except CodexMCPError as reason:
            logger.warning("the thread of run %s cannot be read: %s", run.id, reason)
            ending = await recovery.unread(run, cause)
        if ending is recovery.NEVER_SENT:
            ending = endings.of_start(error, again=run.attempt < MAX_STARTS)
        elif ending.state is RunState.INTERRUPTED and attempt.stopped_by is None:
            return await self._cut_off(attempt, run.turn_id)
        elif ending.state is not RunState.LOST:
            # An ending Codex may have recorded the end of a turn without its last message.
            return replace(ending, message=ending.message or attempt.message)
        else:
            with contextlib.suppress(CodexMCPError):
                await recovery.end_commands(codex, [run])
        if attempt.stopped_by is not None:
            # An interrupted run must not begin again.
            return Ending(RunState.INTERRUPTED, attempt.stopped_by, attempt.message)
        return ending

    async def _options(self, run: Run) -> ThreadOptions:
        effective = await self._needs.desk.source.effective_config()
        return preparation.thread_options(run, self._needs.withheld(), effective)

    async def _work(self, attempt: Attempt, held: contextlib.AsyncExitStack) -> Ending:
        run, desk = attempt.run, self._needs.desk
        options = await self._options(run)
        opening = ThreadRequest(
            preparation.opener(run, options),
            run.thread_id,
            options,
            keeps_goal=run.request.goal_tokens is not None,
        )
        seat = await held.enter_async_context(desk.seat(opening))
        held.push_async_callback(desk.give_back, seat)
        attempt.prompt = await preparation.prompt_of(seat.server, seat.known.id, run)
        seat.known.cwd = run.request.cwd
        if run.thread_id is None and run.request.forks is None:
            seat.known.totals = {seat.known.id: Tokens()}
        # Recorded in advance: after any later kill, the prompt counts as possibly sent.
        change = Change(thread_id=seat.known.id, phase=Phase.MAYBE_SENT)
        await self._store(attempt, RunState.RUNNING, change)
        return await self._turn(attempt, seat)

    async def _turn(self, attempt: Attempt, seat: Seat) -> Ending:
        request, source = attempt.run.request, self._needs.desk.source
        goal = GoalBudget(seat.server, seat.known.id, request.goal_tokens)

        async def ask(question: Request, agent: str) -> object:
            approval, decision = await self.approvals.ask(attempt.run.id, question, agent)
            self._audit(attempt, approval, decision)
            answer = decision.answer or DECLINED
            return to_codex(question, answer, allow_amendments=self._needs.allow_amendments)

        def on_event(event: Event) -> None:
            self._note_event(attempt, seat, event)
            goal.note(event)

        turn = Turn(
            [text_input(attempt.prompt), *map(image_input, request.images)],
            TurnOptions(effort=request.effort, output_schema=request.output_schema),
            TurnLimits(request.timeout_s, request.idle_timeout_s),
            SubAgentHandling(request.on_children),
            on_event,
        )
        async with goal.kept():
            result = await seat.turn(turn, ask)
        if result.status is TurnStatus.INTERRUPTED and not seat.known.attached:
            return await self._cut_off(attempt, result.turn_id)
        notes = [attempt.remark, *seat.notes(result)]
        if not result.message:
            notes.append(EMPTY_ANSWER)
        ending = endings.of_result(
            result,
            "; ".join(filter(None, notes)),
            request.output_schema,
            self._needs.check_output,
        )
        if ending.state is RunState.FAILED:
            return replace(ending, reason=explained(ending.reason, source.failure_cause))
        return ending

    async def _cut_off(self, attempt: Attempt, turn_id: str | None) -> Ending:
        """Return the ending of a run interrupted by Codex itself, as Codex does when ending."""
        run, is_on_record = attempt.run, False
        with contextlib.suppress(CodexMCPError):
            server = await self._needs.desk.source.get()
            thread = await server.read_thread(run.thread_id or "")
            turn = endings.recorded(thread, turn_id, attempt.prompt, run.created_at)
            is_on_record = turn is not None and endings.has_prompt(turn, attempt.prompt)
        cause = "Codex interrupted its turn by itself, as it does when it is told to end"
        return endings.lost(cause, turn_id, is_on_record=is_on_record, has_thread=True)

    def _note_event(self, attempt: Attempt, seat: Seat, event: Event) -> None:
        agent = seat.server.agents.path(event.thread_id)
        assert attempt.trail is not None, "the work begins with the audit files"
        attempt.trail.event(event, agent)
        attempt.note(event, agent)
        if isinstance(event, ErrorReported) and event.error.will_retry:
            attempt.explain_step(self._needs.desk.source.failure_cause)
        if event.method == "turn/started" and event.thread_id == seat.known.id:
            attempt.turn = LiveTurn(seat.server, event.thread_id, event.turn_id)
            change = Change(turn_id=event.turn_id, phase=Phase.TURN)
            self._change(attempt, lambda state: state, change)
        elif event.method == "serverRequest/resolved":
            request_id = event.params.get("requestId", "")
            self.approvals.resolved_elsewhere(attempt.run.id, request_id)

    def _note_approvals(self, run_id: str) -> None:
        """Record the beginning or the end of a run's wait for an answer."""
        for attempt in self._attempts:
            if attempt.run.id != run_id or not attempt.run.state.is_active:
                continue
            pending = self.approvals.pending(run_id)
            if pending:
                change = Change(reason=f"waits for an answer: {pending[0].text}")
                self._change(attempt, lambda _state: RunState.WAITING_FOR_APPROVAL, change)
            else:
                self._change(attempt, _no_longer_waiting, Change(reason=""))

    def _audit(self, attempt: Attempt, approval: Approval, decision: Decision) -> None:
        if attempt.trail is not None:
            answered = None if decision.answer is None else str(decision.answer.decision)
            question = {"id": approval.id, "kind": approval.kind, "text": approval.text}
            question |= {"agent": approval.agent} if approval.agent else {}
            attempt.trail.approval(question, answered, by=decision.by)

    def _change(
        self, attempt: Attempt, to: Callable[[RunState], RunState | None], change: Change
    ) -> None:
        """Begin to record a change during execution; a failing store does not stop the work.

        Args:
            attempt: The attempt.
            to: Returns the next state for the recorded state, after all earlier changes. None: no
                change.
            change: The change.
        """

        async def recorded() -> None:
            run = attempt.run
            state = to(run.state) if run.state.is_active else None
            if state is None:
                return
            try:
                await self._recorded(attempt, state, change)
            except (StoreError, StateError) as error:
                logger.warning("run %s goes on unrecorded for now: %s", run.id, error)

        attempt.recorder.begin(recorded)

    async def _recorded(self, attempt: Attempt, to: RunState, change: Change) -> None:
        """Record a change in the store, then in the audit files; a step of the recorder."""
        run = attempt.run
        attempt.run = await self._needs.store.change(run.id, to, change, by=run.claim)
        if attempt.trail is not None:
            attempt.trail.state(attempt.run)

    async def _note_phase(self, attempt: Attempt, phase: Phase) -> None:
        """Record the phase of an ended attempt; a run queued again has no phase."""
        run, change = attempt.run, Change(phase=phase)
        if not run.state.is_over:
            return
        try:
            attempt.run = await self._needs.store.change(run.id, run.state, change, by=run.claim)
        except (StoreError, StateError) as error:
            logger.info("run %s is not recorded as %s: %s", run.id, phase, error)

    async def _record_ending(self, attempt: Attempt, ending: Ending) -> None:
        self.approvals.withdraw(attempt.run.id)
        await attempt.recorder.settled()
        to, change = ending.change_of(attempt.run, time.time())
        whole = replace(change, thread_id=attempt.run.thread_id, progress=attempt.progress)
        try:
            await self._store(attempt, to, whole)
        except StateError:
            logger.exception("the ending of run %s is not recorded", attempt.run.id)

    async def _store(self, attempt: Attempt, to: RunState, change: Change) -> None:
        while True:
            try:
                await attempt.recorder.take(lambda: self._recorded(attempt, to, change))
            except StoreError as error:
                logger.warning("run %s cannot be stored as %s yet: %s", attempt.run.id, to, error)
                await asyncio.sleep(STORE_RETRY_S)
            else:
                return


def _no_longer_waiting(state: RunState) -> RunState | None:
    return RunState.RUNNING if state is RunState.WAITING_FOR_APPROVAL else None
