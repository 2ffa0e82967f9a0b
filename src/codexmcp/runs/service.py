"""What can be done with runs: start, resume, wait, watch, steer, interrupt, answer, list.

Owns the use cases; knows no MCP and no terminal. A run that another process works on can be looked
at and waited for, not acted on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codexmcp.appserver.answers import Answer
from codexmcp.appserver.requests import text_input
from codexmcp.errors import RunNotFoundError, StateError
from codexmcp.runs.approvals import Approval, Approvals
from codexmcp.runs.audit.finding import find_run, group_of
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.embedded import EmbeddedEngine
from codexmcp.runs.groups import conversations_of
from codexmcp.runs.run import Run, RunRequest, Submission, is_run_id
from codexmcp.runs.states import RunState
from codexmcp.runs.store import RunStore, Selection

POLL_S = 0.5
"""How often a run that another process works on is looked at."""

THREAD_WAIT_S = 0.03
"""How long a start waits for the thread's id, which Codex takes 20 ms for."""


@dataclass(frozen=True, slots=True)
class Order:
    """How a run is to be handed in, beside what it shall do.

    Attributes:
        key: Runs of one key are limited together; None means its folder.
        priority: The higher comes first.
        idempotency_key: A second order with it gets the first one's run; None for no such.
        delay_s: How long it waits at least, in seconds.
    """

    key: str | None = None
    priority: int = 0
    idempotency_key: str | None = None
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What a run that is resumed or forked leaves behind.

    Attributes:
        run_id: Its id.
        thread_id: Its thread.
        cwd: The folder it worked in.
        request: What it was asked; None for one that only its audit files know.
        turn_id: Its turn, once that is over; None before.
    """

    run_id: str
    thread_id: str
    cwd: str
    request: RunRequest | None
    turn_id: str | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where runs are kept.

    Attributes:
        store: The store.
        pointer_dir: The folder of the index across projects.
        group: The runs of this process.
        redactor: Takes secrets out of audit files.
    """

    store: RunStore
    pointer_dir: Path
    group: str
    redactor: Redactor

    def reopen(self, run: Run) -> AuditTrail:
        """Open the audit files of a recorded run, to add to them."""
        return AuditTrail.reopen(run, pointer_dir=self.pointer_dir, redactor=self.redactor)


class RunService:
    """The use cases of runs.

    Args:
        keeping: Where runs are kept.
        engine: What works on them.
        approvals: The questions that wait.
    """

    def __init__(self, keeping: Keeping, engine: EmbeddedEngine, approvals: Approvals) -> None:
        self._keeping = keeping
        self._store = keeping.store
        self._engine = engine
        self._approvals = approvals

    async def start(self, request: RunRequest, order: Order, origin: Origin | None = None) -> Run:
        """Record a run with its audit files, and have it worked on.

        Returns the run that was recorded with the same idempotency key before, if there is one.

        Args:
            request: What it shall do.
            order: How it is handed in.
            origin: The run whose thread it continues; None for a new thread.

        Raises:
            AuditError: Its audit files cannot be written.
            StoreError: It cannot be recorded.
            StateError: No further runs are taken.
        """
        submission = Submission(
            id=_new_id(),
            request=request,
            group=self._keeping.group,
            created_at=time.time(),
            thread_id=None if origin is None or request.forks else origin.thread_id,
            key=request.cwd if order.key is None else order.key,
            priority=order.priority,
            idempotency_key=order.idempotency_key,
            delay_s=order.delay_s,
        )
        # First the record for people, so that no run is without; it is taken back if need be.
        trail = self._open_trail(submission)
        try:
            run, is_new = self._engine.submit(submission)
        except BaseException:
            trail.discard()
            raise
        if not is_new:
            trail.discard()
            return self._live(run)
        trail.close()
        await self._thread_known(run.id)
        return self.get(run.id)

    def get(self, run_id: str) -> Run:
        """Return a run, with the progress that it has made just now.

        Raises:
            RunNotFoundError: There is none of that id.
        """
        run = self._store.get(run_id) if is_run_id(run_id) else None
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r}; codex_runs lists those there are")
        return self._live(run)

    def select(self, selection: Selection) -> list[Run]:
        """Return runs, the newest first."""
        return [self._live(run) for run in self._store.select(selection)]

    def origin(self, run_id: str, *, cwd: str | None = None) -> Origin:
        """Return what is left of a run, from the store or else from audit files.

        Args:
            run_id: The run.
            cwd: A folder whose audit files may know it; None for none.

        Raises:
            RunNotFoundError: Nobody knows it.
            StateError: It never had a thread, or its thread is in a container, or is not in ours.
        """
        run = self._store.get(run_id) if is_run_id(run_id) else None
        if run is None:
            folders = [] if cwd is None else [default_audit_dir(Path(cwd))]
            found = find_run(run_id, pointer_dir=self._keeping.pointer_dir, audit_dirs=folders)
            if found is None:
                raise RunNotFoundError(
                    f"there is no run {run_id!r}; codex_runs lists those there are. If another "
                    "project has its record, name that folder as cwd"
                )
            if found.thread_id is None:
                raise _without_thread(run_id, "its record names none")
            origin = Origin(run_id, found.thread_id, found.cwd or cwd or "/", None)
            group = group_of(found.audit_dir, run_id)
            if group is not None:
                self._check_reach(run_id, group, origin.cwd)
            return origin
        self._check_reach(run_id, run.group, run.request.cwd)
        if run.thread_id is None:
            raise _without_thread(run_id, run.state)
        turn_id = run.turn_id if run.state.is_over else None
        return Origin(run.id, run.thread_id, run.request.cwd, run.request, turn_id)

    def _check_reach(self, run_id: str, group: str, cwd: str) -> None:
        if conversations_of(group) != conversations_of(self._keeping.group):
            raise _elsewhere(run_id, group, cwd)

    async def wait(
        self, run_ids: Sequence[str], *, for_all: bool, timeout_s: float | None
    ) -> list[Run]:
        """Wait until one or all of some runs are over, or the time is up; return the runs.

        Args:
            run_ids: The runs.
            for_all: Whether all of them must be over.
            timeout_s: How long at most, in seconds; None waits for their own bounds.

        Raises:
            RunNotFoundError: One of them does not exist.
        """
        runs = {run_id: self.get(run_id) for run_id in run_ids}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not _enough(runs.values(), for_all=for_all):
                    under_way = [run for run in runs.values() if not run.state.is_over]
                    for run_id in await self._news_of(under_way, for_all=for_all):
                        runs[run_id] = self.get(run_id)
        # Those under way have made progress meanwhile.
        under_way = [run for run in runs.values() if not run.state.is_over]
        runs.update({run.id: self.get(run.id) for run in under_way})
        return [runs[run_id] for run_id in run_ids]

    async def interrupt(self, run_id: str, *, by: str) -> Run:
        """Interrupt a run, or withdraw one that has not started; return it as it ended.

        Raises:
            RunNotFoundError: There is none of that id.
            StateError: It is over, or another process works on it.
        """
        self.get(run_id)
        # Who works on a run writes its files; one that waits for its retry has been worked on, too.
        waits = self._engine.active(run_id) is None
        run = await self._engine.cancel(run_id, f"interrupted by {by}")
        if waits:
            with contextlib.closing(self._keeping.reopen(run)) as trail:
                trail.state(run)
        return run

    async def steer(self, run_id: str, prompt: str) -> Run:
        """Add input to the turn of a run.

        Raises:
            RunNotFoundError: There is none of that id.
            StateError: It has no turn under way here.
            RequestError: The turn has just ended.
        """
        run = self.get(run_id)
        active = self._engine.active(run_id)
        if active is None or active.turn is None:
            raise StateError(
                f"run {run_id} cannot be steered now: it is {run.state}. Give a finished one "
                "further work with codex_resume; try again when a waiting one runs"
            )
        turn = active.turn
        await turn.server.steer_turn(turn.thread_id, turn.turn_id, [text_input(prompt)])
        return self.get(run_id)

    def approvals(self, run_id: str | None = None) -> list[Approval]:
        """Return the questions that wait for an answer, of one run or of all."""
        return self._approvals.pending(run_id)

    def answer(self, approval_id: str, answer: Answer, *, by: str) -> Approval:
        """Answer a question.

        Raises:
            StateError: It does not wait, or not any more.
        """
        return self._approvals.answer(approval_id, answer, by=by)

    def _open_trail(self, submission: Submission) -> AuditTrail:
        run = Run(
            submission.id,
            0,
            submission.request,
            RunState.QUEUED,
            submission.group,
            submission.key,
            submission.priority,
            submission.created_at,
            thread_id=submission.thread_id,
        )
        keeping = self._keeping
        return AuditTrail.open(run, pointer_dir=keeping.pointer_dir, redactor=keeping.redactor)

    async def _thread_known(self, run_id: str) -> None:
        """Wait a moment, because callers like to know the thread."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(THREAD_WAIT_S):
                # Polled: it may be another process that works on the run.
                while not self._has_thread(run_id):  # noqa: ASYNC110
                    await asyncio.sleep(THREAD_WAIT_S / 10)

    def _has_thread(self, run_id: str) -> bool:
        active = self._engine.active(run_id)
        run = self._store.get(run_id) if active is None else active.run
        return run is None or run.thread_id is not None

    def _live(self, run: Run) -> Run:
        active = self._engine.active(run.id)
        return run if active is None else replace(run, progress=active.progress)

    async def _news_of(self, runs: Collection[Run], *, for_all: bool) -> list[str]:
        """Wait until one or all of some runs may have ended; return those that may have."""
        active = {run.id: self._engine.active(run.id) for run in runs}
        here = {run_id: each.ended for run_id, each in active.items() if each is not None}
        elsewhere = [run.id for run in runs if run.id not in here]
        if not here:
            await asyncio.sleep(POLL_S)
            return elsewhere
        waits = [asyncio.create_task(ended.wait()) for ended in here.values()]
        try:
            await asyncio.wait(
                waits,
                timeout=POLL_S if elsewhere else None,
                return_when=asyncio.ALL_COMPLETED if for_all else asyncio.FIRST_COMPLETED,
            )
        finally:
            for wait in waits:
                wait.cancel()
        return [*elsewhere, *(run_id for run_id, ended in here.items() if ended.is_set())]


def _without_thread(run_id: str, why: str) -> StateError:
    return StateError(
        f"run {run_id} has no thread to continue ({why}): start it anew with codex_run"
    )


def _elsewhere(run_id: str, group: str, cwd: str) -> StateError:
    if conversations_of(group):
        return StateError(
            f"the conversation of run {run_id} is kept for a container, which this server does not "
            "use: go on with it through one that was started with --in-container and the "
            f"--workspace of then, {cwd} or a folder above it"
        )
    return StateError(
        f"the conversation of run {run_id} is not in the container of this server: go on with it "
        "through one that was started without --in-container"
    )


def _enough(runs: Iterable[Run], *, for_all: bool) -> bool:
    over = [run.state.is_over for run in runs]
    return all(over) if for_all else any(over)


def _new_id() -> str:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"{stamp}-{uuid.uuid4().hex[:8]}"
