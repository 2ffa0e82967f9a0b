"""The use cases of the runs of one process; `facade` offers them to callers.

A run of another process can be read and waited for; other actions are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from codexmcp.appserver.answers import Answer
from codexmcp.appserver.requests import text_input
from codexmcp.codex.options import CheckAccess, accept_any
from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import RunErrorFields, RunErrorKind, RunNotFoundError, StateError
from codexmcp.jsonvalues import object_of
from codexmcp.runs.approvals import Approval, Approvals
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.engine import ActiveRun, Engine, unknown_run
from codexmcp.runs.groups import conversations_of
from codexmcp.runs.run import Origin, Run, RunRequest, Submission, is_run_id
from codexmcp.runs.start_options import Order
from codexmcp.runs.states import RunState
from codexmcp.runs.steps import to_the_end
from codexmcp.runs.store import RunStore, Selection
from codexmcp.worker_thread import in_thread

POLL_S = 0.5
"""Interval between reads of a run of another process."""

THREAD_WAIT_S = 0.03
"""Bound on a start's wait for the thread id; Codex takes 20 ms."""


@dataclass(frozen=True, slots=True)
class RunStorage:
    """The store and the audit files of runs.

    Attributes:
        store: The store.
        pointer_dir: The folder of the index across projects.
        group: The group of this process's runs.
        redactor: Removes secrets from audit files.
    """

    store: RunStore
    pointer_dir: Path
    group: str
    redactor: Redactor

    def reopen(self, run: Run) -> AuditTrail:
        """Open the audit files of a recorded run, for appending."""
        return AuditTrail.reopen(run, pointer_dir=self.pointer_dir, redactor=self.redactor)


Attached = Callable[[str, Run], AbstractAsyncContextManager[None]]


def _cannot_attach(_thread_id: str, run: Run) -> AbstractAsyncContextManager[None]:
    raise StateError(
        f"run {run.id} cannot be attached to here",
        RunErrorKind.WORKED_ON_ELSEWHERE,
        RunErrorFields(run.id, run.state),
    )


class RunService:
    """The use cases of runs.

    Args:
        keeping: The store and the audit files.
        engine: The engine for the runs.
        approvals: The waiting questions.
        check_access: Refuses a run without usable credentials; see `CodexSource`.
        attached: Keeps the thread of a run loaded while its block runs.
    """

    def __init__(
        self,
        keeping: RunStorage,
        engine: Engine,
        approvals: Approvals,
        check_access: CheckAccess = accept_any,
        attached: Attached = _cannot_attach,
    ) -> None:
        self.attached = attached
        self._under_way: set[asyncio.Task[Any]] = set()
        self._check_access = check_access
        self._keeping = keeping
        self._store = keeping.store
        self._engine = engine
        self._approvals = approvals

    async def submit(self, request: RunRequest, order: Order, origin: Origin | None = None) -> Run:
        """Record a run with its audit files, for execution; see `begun`.

        Returns an earlier run with the same idempotency key, if there is one.

        Args:
            request: The request.
            order: Key, priority, idempotency key and delay.
            origin: The run with the thread to continue. None: a new thread.

        Raises:
            CredentialsError: There are no usable credentials.
            AuditError: The audit files cannot be written.
            StoreError: The run cannot be recorded.
            StateError: No further runs are accepted.
        """
        self._check_access(object_of(request.thread.get("config")))
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
        return await to_the_end(self._recorded(submission), self._under_way)

    async def _recorded(self, submission: Submission) -> Run:
        # The audit files first, so no run is without a record for people; the files are removed on
        # failure. In a thread, because redacting a long prompt takes a while, and a file system may
        # hang.
        trail = await in_thread(lambda: self._open_trail(submission))
        try:
            run, is_new = await self._engine.submit(submission)
        except BaseException:
            trail.discard()
            raise
        if not is_new:
            trail.discard()
            return self._live(run)
        trail.close()
        return run

    async def begun(self, run: Run) -> Run:
        """Return a submitted run, after a short wait for the thread id: callers use the id."""
        if run.thread_id is None and not run.state.is_over:
            await self._thread_known(run.id)
        return await self.get(run.id)

    async def get(self, run_id: str) -> Run:
        """Return a run, with its latest progress.

        Raises:
            RunNotFoundError: There is no such run.
        """
        run = await self._store.get(run_id) if is_run_id(run_id) else None
        if run is None:
            raise unknown_run(run_id)
        return self._live(run)

    async def select(self, selection: Selection) -> list[Run]:
        """Return runs, the newest first."""
        return [self._live(run) for run in await self._store.select(selection)]

    async def origin(self, run_id: str) -> Origin:
        """Return the facts for continuing a run, from the store only, never from audit files.

        Args:
            run_id: The run.

        Raises:
            RunNotFoundError: The run is unknown to the store.
            StateError: The run has no thread, or its conversation is in another place than ours.
        """
        run = await self._store.get(run_id) if is_run_id(run_id) else None
        if run is None:
            raise RunNotFoundError(
                f"there is no run {run_id!r} in the store",
                RunErrorKind.NOT_IN_STORE,
                RunErrorFields(run_id),
            )
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
        """Wait until one or all of some runs are over, or until the bound; return the runs.

        Args:
            run_ids: The runs.
            for_all: Wait for all runs instead of one run.
            timeout_s: Bound in seconds. None: the runs' own bounds.

        Raises:
            RunNotFoundError: One of the runs does not exist.
        """
        seen = {run_id: await self._seen(run_id) for run_id in run_ids}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not _enough((run for run, _ in seen.values()), for_all=for_all):
                    active = {name: at for name, (run, at) in seen.items() if not run.state.is_over}
                    for run_id in await _news_of(active, for_all=for_all):
                        seen[run_id] = await self._seen(run_id)
        # Active runs have made progress meanwhile.
        return [
            run if run.state.is_over else await self.get(run.id)
            for run, _ in (seen[run_id] for run_id in run_ids)
        ]

    async def _seen(self, run_id: str) -> tuple[Run, ActiveRun | None]:
        # The engine first: an attempt ending meanwhile still sets its event.
        active = self._engine.active(run_id)
        return await self.get(run_id), active

    async def interrupt(self, run_id: str, *, by: str) -> Run:
        """Interrupt a run, or withdraw a run that has not started; return the ended run.

        Raises:
            RunNotFoundError: There is no such run.
            StateError: The run is over, or active in another process.
        """
        await self.get(run_id)
        return await to_the_end(self._interrupted(run_id, by), self._under_way)

    async def _interrupted(self, run_id: str, by: str) -> Run:
        run, was_withdrawn = await self._engine.cancel(run_id, f"interrupted by {by}")
        if was_withdrawn:
            with contextlib.closing(self._keeping.reopen(run)) as trail:
                trail.state(run)
        return run

    async def steer(self, run_id: str, prompt: str) -> Run:
        """Add input to the turn of a run.

        Raises:
            RunNotFoundError: There is no such run.
            StateError: The run has no running turn in this process.
            RequestError: The turn has just ended.
        """
        run = await self.get(run_id)
        active = self._engine.active(run_id)
        if active is None or active.turn is None:
            raise StateError(
                f"run {run_id} cannot be steered now: it is {run.state}",
                RunErrorKind.NO_TURN,
                RunErrorFields(run_id, run.state),
            )
        turn = active.turn
        await turn.server.steer_turn(turn.thread_id, turn.turn_id, [text_input(prompt)])
        return await self.get(run_id)

    def approvals(self, run_id: str | None = None) -> list[Approval]:
        """Return the questions waiting for an answer, of one run or of all runs."""
        return self._approvals.pending(run_id)

    def answer(self, approval_id: str, answer: Answer, *, by: str) -> Approval:
        """Answer a question.

        Raises:
            StateError: The question does not wait, or no longer.
            UsageError: The content does not fit the form.
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
        """Wait a short time for the thread id: callers use the id."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(THREAD_WAIT_S):
                # Polled: another process may be working on the run.
                while not await self._has_thread(run_id):  # noqa: ASYNC110
                    await asyncio.sleep(THREAD_WAIT_S / 10)

    async def _has_thread(self, run_id: str) -> bool:
        active = self._engine.active(run_id)
        run = await self._store.get(run_id) if active is None else active.run
        return run is None or run.thread_id is not None

    def _live(self, run: Run) -> Run:
        active = self._engine.active(run.id)
        return run if active is None else replace(run, progress=active.progress)


async def _news_of(runs: Mapping[str, ActiveRun | None], *, for_all: bool) -> list[str]:
    """Wait until one or all of some runs may have ended; return these runs."""
    here = {run_id: each.ended for run_id, each in runs.items() if each is not None}
    elsewhere = [run_id for run_id in runs if run_id not in here]
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


def _without_thread(run_id: str, state: RunState) -> StateError:
    return StateError(
        f"run {run_id} has no thread to continue ({state})",
        RunErrorKind.NO_THREAD,
        RunErrorFields(run_id, state),
    )


def _elsewhere(run_id: str, group: str, cwd: str) -> StateError:
    if conversations_of(group):
        return StateError(
            f"the conversation of run {run_id} is kept for a container, which this server does not "
            "use",
            RunErrorKind.IN_CONTAINER,
            RunErrorFields(run_id, cwd=cwd),
        )
    return StateError(
        f"the conversation of run {run_id} is not in the container of this server",
        RunErrorKind.OUTSIDE_CONTAINER,
        RunErrorFields(run_id, cwd=cwd),
    )


def _enough(runs: Iterable[Run], *, for_all: bool) -> bool:
    over = [run.state.is_over for run in runs]
    return all(over) if for_all else any(over)


def _new_id() -> str:
    """Return an id that sorts by time and cannot be guessed: 128 random bits, as of a task."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return f"{stamp}-{secrets.token_hex(16)}"
