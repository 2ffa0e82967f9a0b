"""Works on one run: from its claim to its recorded ending.

Promises that whatever happens to Codex, the run ends in a state that the store knows, that its
audit files say the same, and that its thread is given back afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace

from codexmcp.appserver.admission import Admission
from codexmcp.appserver.answers import DECLINED, can_be_declined, to_codex
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import ErrorReported, Event
from codexmcp.appserver.requests import ThreadOptions, TurnOptions, image_input, text_input
from codexmcp.appserver.threads import KnownThread, Threads, is_loaded
from codexmcp.appserver.turns import TurnLimits, run_turn
from codexmcp.errors import AppServerClosedError, CodexMCPError, StateError, StoreError
from codexmcp.home.key_proxy import explained
from codexmcp.jsonrpc.connection import NoAnswer
from codexmcp.jsonrpc.messages import Request
from codexmcp.runs import endings, preparation, recovery
from codexmcp.runs.active import ActiveRun, LiveTurn
from codexmcp.runs.approvals import Approval, Approvals, Decision
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.codex import CodexSource
from codexmcp.runs.endings import CheckOutput, Ending
from codexmcp.runs.preparation import Prepared
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, RunStore

logger = logging.getLogger(__name__)

STORE_RETRY_S = 1.0
"""How long what could not be stored, as on a full disk, waits for the next try."""

MAX_STARTS = 3
"""How often a run is begun whose app-server dies before anything was sent."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the work on runs needs.

    Attributes:
        codex: Gives the app-server.
        store: Where runs are recorded.
        reopen: Opens the audit files of a recorded run.
        threads: The threads of the app-server.
        check_output: Holds a final message to its schema.
        denied: Absolute paths that commands must not read.
        allow_amendments: Whether an answer may write a rule to the Codex home.
        admission: Bounds how many runs start at a time.
    """

    codex: CodexSource
    store: RunStore
    reopen: Callable[[Run], AuditTrail]
    threads: Threads
    check_output: CheckOutput
    denied: Sequence[str] = ()
    allow_amendments: bool = False
    admission: Admission = field(default_factory=Admission)


class Executor:
    """Works on runs, many at a time.

    Args:
        workshop: What the work needs.

    Attributes:
        approvals: The questions of Codex that wait.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._shop = workshop
        self._by_thread: dict[str, ActiveRun] = {}
        self._trails: dict[str, AuditTrail] = {}
        self._active: dict[str, ActiveRun] = {}
        self._kept: set[str] = set()
        self.approvals = Approvals(self._note_approvals)

    async def execute(self, active: ActiveRun) -> None:
        """Work on a run that was claimed, until its ending is recorded and its thread is free.

        Raises:
            asyncio.CancelledError: The process ends before the ending could be recorded.
        """
        run_id = active.run.id
        trail = self._trails[run_id] = self._shop.reopen(active.run)
        self._active[run_id] = active
        try:
            trail.state(active.run)
            ending = await self._ending(active)
            await self._record_ending(active, ending)
            active.end()
            if ending.state in {RunState.TIMED_OUT, RunState.INTERRUPTED}:
                # It may have been silent because Codex hangs, and would again for the next run.
                await self._shop.codex.end_if_stuck()
            await self._give_back(active)
        finally:
            del self._trails[run_id], self._active[run_id]
            self._by_thread.pop(active.run.thread_id or "", None)
            trail.close()

    def works_on(self, thread_id: str) -> bool:
        """Return whether a run is under way on a thread."""
        return thread_id in self._by_thread

    @contextlib.asynccontextmanager
    async def attached(self, thread_id: str, run: Run | None) -> AsyncGenerator[None, None]:
        """Keep a thread loaded while somebody looks at it, and unload it afterwards.

        Args:
            thread_id: The thread.
            run: The last run on it, whose settings hold for it; None when there is no record.

        Raises:
            RequestError: It cannot be loaded.
        """
        with self._shop.threads.attached(thread_id):
            active = self._by_thread.get(thread_id)
            # One that has ended may be about to unload it.
            if active is None or active.ended.is_set():
                await self._load(thread_id, run)
            yield
        await self._unload(thread_id)

    async def _load(self, thread_id: str, run: Run | None) -> None:
        server, options = await self._shop.codex.get(), ThreadOptions()
        if run is not None:
            effective = await self._shop.codex.effective_config()
            options = preparation.thread_options(run, self._shop.denied, effective)
        async with self._shop.threads.turn_of(thread_id) as known:
            if known.loaded_in != self._shop.codex.generation:
                await server.load_thread(thread_id, options)
                known.note_loaded(self._shop.codex.generation, options=options)

    async def on_codex_request(self, request: Request) -> object:
        """Answer a question of Codex, when somebody has decided (the connection calls this)."""
        active = self._by_thread.get(str(request.params.get("threadId", "")))
        if active is None or not can_be_declined(request):
            # Somebody else's turn: whoever started it is asked as well, and answers.
            raise NoAnswer
        approval, decision = await self.approvals.ask(active.run.id, request)
        self._audit(approval, decision)
        answer = decision.answer or DECLINED
        return to_codex(request, answer, allow_amendments=self._shop.allow_amendments)

    def on_stderr(self, line: str) -> None:
        """Keep a line of app-server's stderr with every run that it may be about."""
        for trail in self._trails.values():
            trail.stderr(line)

    async def _ending(self, active: ActiveRun) -> Ending:
        """Work on the run in a task of its own, so that stopping it stops nothing else."""
        working = asyncio.create_task(self._work(active))
        active.works_in(working)
        try:
            await asyncio.wait({working})
        except asyncio.CancelledError:
            active.stop("the process that worked on it was stopped")
            await asyncio.wait({working})
            raise
        if working.cancelled():
            return Ending(RunState.INTERRUPTED, active.stopped_by or "", active.message)
        error = working.exception()
        if error is None:
            return working.result()
        if not isinstance(error, CodexMCPError):
            logger.error("the work on run %s failed", active.run.id, exc_info=error)
            return Ending(RunState.FAILED, f"internal error: {error!r}")
        if isinstance(error, AppServerClosedError):
            return await self._settled(active, error)
        return endings.of_error(error)

    async def _settled(self, active: ActiveRun, error: AppServerClosedError) -> Ending:
        """Ask a new app-server how the turn of a dead one has ended."""
        codex, run = self._shop.codex, active.run
        trouble = codex.trouble
        try:
            fate = await recovery.fate_of(codex, run)
        except CodexMCPError as cause:
            logger.warning("the thread of run %s cannot be read: %s", run.id, cause)
            fate = None
        if fate is recovery.NEVER_SENT:
            ending = endings.of_start(error, again=run.attempt < MAX_STARTS)
        elif fate is not None:
            return fate
        else:
            await recovery.end_commands(codex, run)
            ending = endings.of_error(error, trouble)
        if active.stopped_by is not None:
            # Whoever stopped it meanwhile does not want it to begin again.
            return Ending(RunState.INTERRUPTED, active.stopped_by, active.message)
        return ending

    async def _work(self, active: ActiveRun) -> Ending:
        server = await self._shop.codex.get()
        effective = await self._shop.codex.effective_config()
        options = preparation.thread_options(active.run, self._shop.denied, effective)
        async with contextlib.AsyncExitStack() as stack:
            own = active.run.thread_id
            known = None
            if own is not None:
                known = await stack.enter_async_context(self._shop.threads.turn_of(own))
            ticket = await self._shop.admission.enter()
            stack.enter_context(ticket.held())
            if known is not None:
                await self._freed(server, known, options)
            prepared = await self._prepare(server, active.run, own, options)
            if known is None or known.id != prepared.thread_id:
                turn_of = self._shop.threads.turn_of(prepared.thread_id)
                known = await stack.enter_async_context(turn_of)
            known.note_loaded(self._shop.codex.generation, options=options)
            await self._begin(active, prepared)
            stack.enter_context(server.listen(prepared.thread_id, ticket.on_event))
            return await self._turn(server, active, prepared)

    async def _freed(self, server: AppServer, known: KnownThread, options: ThreadOptions) -> None:
        """Unload a thread that others have loaded, or it would keep their sandbox.

        Raises:
            StateError: Somebody is attached to it or works on it.
        """
        is_ours = known.loaded_in == self._shop.codex.generation and known.loaded_with == options
        if is_ours or not await is_loaded(server, known.id):
            return
        if known.attached or not await server.is_resting(known.id):
            raise StateError(
                f"thread {known.id} is in use: somebody is attached to it or works on it, with "
                "other settings. Wait until that is done and try again, or work on a fork of it "
                "(codex_fork)"
            )
        await server.unload_thread(known.id)
        known.loaded_in = 0

    async def _prepare(
        self, server: AppServer, run: Run, own: str | None, options: ThreadOptions
    ) -> Prepared:
        if own is not None:
            return await preparation.resume(server, run, own, options)
        if run.request.forks is not None:
            return await preparation.fork(server, run, options)
        return await preparation.start(server, run, options)

    async def _begin(self, active: ActiveRun, prepared: Prepared) -> None:
        """Record the thread and that the prompt is about to be sent, before it is.

        Raises:
            StateError: The run is not ours any more.
        """
        self._by_thread[prepared.thread_id] = active
        await self._store(active, RunState.RUNNING, Change(thread_id=prepared.thread_id))

    async def _turn(self, server: AppServer, active: ActiveRun, prepared: Prepared) -> Ending:
        request = active.run.request
        trail = self._trails[active.run.id]

        def on_event(event: Event) -> None:
            trail.event(event)
            active.note(event)
            if isinstance(event, ErrorReported) and event.error.will_retry:
                active.explain_step(self._shop.codex.trouble)
            if event.method == "turn/started" and active.turn is None:
                active.turn = LiveTurn(server, prepared.thread_id, event.turn_id)
                self._change(active, RunState.RUNNING, Change(turn_id=event.turn_id))
            elif event.method == "serverRequest/resolved":
                self.approvals.resolved_elsewhere(active.run.id, event.params.get("requestId", ""))

        result = await run_turn(
            server,
            prepared.thread_id,
            [text_input(prepared.prompt), *map(image_input, request.images)],
            TurnOptions(effort=request.effort, output_schema=request.output_schema),
            TurnLimits(request.timeout_s, request.idle_timeout_s),
            on_event,
            lambda: bool(self.approvals.pending(active.run.id)),
        )
        ending = endings.of_result(
            result, active.remark, request.output_schema, self._shop.check_output
        )
        if ending.state is RunState.FAILED:
            return replace(ending, reason=explained(ending.reason, self._shop.codex.trouble))
        return ending

    def _note_approvals(self, run_id: str) -> None:
        """Record that a run waits for an answer, or does no longer."""
        active = self._active.get(run_id)
        if active is None or not active.run.state.is_active:
            return
        pending = self.approvals.pending(run_id)
        if pending:
            change = Change(reason=f"waits for an answer: {pending[0].text}")
            self._change(active, RunState.WAITING_FOR_APPROVAL, change)
        elif active.run.state is RunState.WAITING_FOR_APPROVAL:
            self._change(active, RunState.RUNNING, Change(reason=""))

    def _audit(self, approval: Approval, decision: Decision) -> None:
        trail = self._trails.get(approval.run_id)
        if trail is not None:
            verdict = None if decision.answer is None else str(decision.answer.verdict)
            question = {"id": approval.id, "kind": approval.kind, "text": approval.text}
            trail.approval(question, verdict, by=decision.by)

    def _change(self, active: ActiveRun, to: RunState, change: Change) -> None:
        """Record a change on the way; a store that fails does not stop the work."""
        try:
            active.run = self._shop.store.change(active.run.id, to, change, owner=active.run.owner)
        except StoreError as error:
            logger.warning("run %s goes on unrecorded for now: %s", active.run.id, error)
            return
        self._trails[active.run.id].state(active.run)

    async def _record_ending(self, active: ActiveRun, ending: Ending) -> None:
        self.approvals.withdraw(active.run.id)
        change = Change(
            thread_id=active.run.thread_id,
            reason=ending.reason,
            message=ending.message,
            ended_at=time.time(),
            progress=active.progress,
        )
        await self._record(active, ending.state, change)
        if active.run.goes_on_by_itself:
            await self._record(active, RunState.QUEUED, Change(reason=f"again: {ending.reason}"))

    async def _record(self, active: ActiveRun, to: RunState, change: Change) -> None:
        """Record an ending, however long the store takes to accept it."""
        try:
            await self._store(active, to, change)
        except StateError:
            logger.exception("the ending of run %s is not recorded", active.run.id)

    async def _store(self, active: ActiveRun, to: RunState, change: Change) -> None:
        run, trail = active.run, self._trails[active.run.id]
        while True:
            try:
                active.run = self._shop.store.change(run.id, to, change, owner=run.owner)
            except StoreError as error:
                logger.warning("run %s cannot be stored as %s yet: %s", run.id, to, error)
                await asyncio.sleep(STORE_RETRY_S)
            else:
                trail.state(active.run)
                return

    async def _give_back(self, active: ActiveRun) -> None:
        """Unload the thread, so that any other process may write to it."""
        if active.run.thread_id is not None:
            await self._unload(active.run.thread_id)

    async def unload_kept(self) -> None:
        """Unload the threads that somebody attached still worked on when their runs ended."""
        kept, self._kept = self._kept, set()
        for thread_id in kept:
            await self._unload(thread_id)

    async def _unload(self, thread_id: str) -> None:
        turn_of = self._shop.threads.turn_of(thread_id)
        # Behind the runs that wait to start, because somebody waits for those.
        async with turn_of as known, self._shop.admission.turn():
            if known.waiting > 1 or known.loaded_in != self._shop.codex.generation:
                return
            if known.attached:
                self._kept.add(thread_id)
                return
            # A thread that cannot be unloaded costs memory, and its writer lock until the end.
            with contextlib.suppress(CodexMCPError):
                server = await self._shop.codex.get()
                # Unloading would end a turn that somebody who attached has started.
                if await server.is_resting(thread_id):
                    await server.leave_thread(thread_id)
                    known.loaded_in = 0
                else:
                    self._kept.add(thread_id)
