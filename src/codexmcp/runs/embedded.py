"""The embedded engine: executes the runs of a store in this process.

Owns its claimed runs. Promises: limits hold, a run is claimed once, and after the end of the engine
every run is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from codexmcp.data_classes import dataclass
from codexmcp.errors import (
    CodexMCPError,
    RunErrorFields,
    RunErrorKind,
    StateError,
    StoreError,
)
from codexmcp.runs.attempt import Attempt
from codexmcp.runs.engine import Stats, unknown_run
from codexmcp.runs.run import Progress, Run, Submission
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Limits, Owner, RunStore

logger = logging.getLogger(__name__)

SWEEP_S = 3.0
"""Interval between searches for the runs of dead owners, and longest interval for delayed runs."""

FLUSH_S = 1.0
"""Interval between writes of the progress of active runs."""

STOP_TIMEOUT_S = 20.0
"""Bound on the end of interrupted runs; the interrupt takes some 10 ms."""

GIVE_BACK_S = 5.0
"""Bound on giving back threads at the end; 10 ms per thread unless Codex stalls."""


@dataclass(frozen=True, slots=True)
class Work:
    """Callbacks of the engine.

    Attributes:
        execute: Works on a run until the ending is recorded.
        sweep: Settles the runs of dead owners.
    """

    execute: Callable[[Attempt], Awaitable[None]]
    sweep: Callable[[], Awaitable[None]]


class EmbeddedEngine:
    """An engine on the event loop of this process.

    Args:
        store: The store of runs.
        owner: The owner of this process, already recorded.
        limits: Bounds on active runs.
        work: Callbacks.
    """

    def __init__(self, store: RunStore, owner: Owner, limits: Limits, work: Work) -> None:
        self._store = store
        self._owner = owner
        self._limits = limits
        self._work = work
        self._active: dict[str, Attempt] = {}
        self._working: set[Attempt] = set()
        self._stored: dict[str, Progress] = {}
        self._news = asyncio.Event()
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._claiming = asyncio.Lock()

    async def submit(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run for execution; see `Engine.submit`."""
        if self._draining:
            raise StateError(
                "this supervisor is stopping and takes no further runs", RunErrorKind.DRAINING
            )
        run, is_new = await self._store.add(submission)
        self._news.set()
        return run, is_new

    def active(self, run_id: str) -> Attempt | None:
        """Return a run active in this process; None for any other run."""
        return self._active.get(run_id)

    async def cancel(self, run_id: str, reason: str) -> tuple[Run, bool]:
        """Interrupt a run, or withdraw it from the queue; see `Engine.cancel`."""
        while True:
            active = self._active.get(run_id)
            if active is None:
                async with self._claiming:
                    # The run may have been claimed meanwhile.
                    active = self._active.get(run_id)
                    if active is None:
                        return await self._withdraw(run_id, reason), True
            await self._stopped(active, reason)
            # An attempt may have given the run back to the queue just before it was stopped.
            if active.run.state is not RunState.QUEUED:
                return active.run, False

    async def _stopped(self, active: Attempt, reason: str) -> None:
        """Stop an attempt, and wait for its end within a bound."""
        active.stop(reason)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await active.ended.wait()
        except TimeoutError:
            run = active.run
            raise StateError(
                f"run {run.id} was asked to stop and has not ended within {STOP_TIMEOUT_S:g} s",
                RunErrorKind.STILL_STOPPING,
                RunErrorFields(run.id, run.state),
            ) from None

    async def serve(self) -> None:
        """Execute runs until cancelled or drained; see `Engine.serve`."""
        async with asyncio.TaskGroup() as tasks:
            sweeping = tasks.create_task(self._every(SWEEP_S, self._sweep))
            flushing = tasks.create_task(self._every(FLUSH_S, self._flush))
            try:
                while not (self._draining and self._idle.is_set()):
                    self._news.clear()
                    while (attempt := await self._claimed()) is not None:
                        tasks.create_task(self._work_on(attempt))
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(SWEEP_S):
                            await self._news.wait()
            finally:
                sweeping.cancel()
                flushing.cancel()

    async def drain(self, timeout_s: float | None) -> None:
        """Let the active runs end; see `Engine.drain`."""
        self._draining = True
        self._news.set()
        # A claim in progress may still yield a run.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S), self._claiming:
                pass
        if not await _within(timeout_s, self._all_ended):
            for active in self._active.values():
                active.stop("the supervisor was stopped; the run can be resumed")
            await _within(STOP_TIMEOUT_S, self._all_ended)
        # Codex ends with this process, and all its threads are free then.
        await _within(GIVE_BACK_S, self._idle)

    async def stats(self) -> Stats:
        """Return counts of runs; see `Engine.stats`."""
        counts = await self._store.counts(self._owner.group)
        return Stats(len(self._active), counts, self._draining)

    async def _withdraw(self, run_id: str, reason: str) -> Run:
        run = await self._store.get(run_id)
        if run is None:
            raise unknown_run(run_id)
        if run.state is not RunState.QUEUED:
            what, kind = "is worked on by another supervisor", RunErrorKind.WORKED_ON_ELSEWHERE
            if run.state.is_over:
                what, kind = "is over", RunErrorKind.OVER
            raise StateError(
                f"run {run_id} cannot be interrupted: it {what} ({run.state})",
                kind,
                RunErrorFields(run_id, run.state),
            )
        change = Change(reason=reason, ended_at=time.time())
        return await self._store.change(run_id, RunState.INTERRUPTED, change)

    async def _claimed(self) -> Attempt | None:
        """Claim the next run; None without a run within the limits."""
        owner = self._owner
        try:
            # No withdrawal may happen between a run's claim and its entry among the active runs.
            async with self._claiming:
                if self._draining:
                    return None
                now = time.time()
                run = await self._store.claim(owner.id, owner.group, self._limits, now)
                return None if run is None else self._taken(run)
        except StoreError as error:
            logger.warning("no run can be claimed for now: %s", error)
            return None

    def _taken(self, run: Run) -> Attempt:
        """Enter a claimed run among the active runs before the work begins."""
        active = self._active[run.id] = Attempt(run, self._let_go)
        self._working.add(active)
        self._all_ended.clear()
        self._idle.clear()
        return active

    async def _work_on(self, active: Attempt) -> None:
        try:
            await self._work.execute(active)
        except Exception as error:  # one broken run must not end the others
            logger.exception("run %s broke off", active.run.id)
            await self._settle(active, error)
        finally:
            if not active.ended.is_set():
                active.end()
            self._working.discard(active)
            if not self._working:
                self._idle.set()
                self._news.set()

    async def _settle(self, active: Attempt, error: Exception) -> None:
        """Record the ending of a broken attempt: no work continues."""
        run = active.run
        if not run.state.is_active:
            return
        state = RunState.FAILED if run.state is RunState.STARTING else RunState.LOST
        change = Change(reason=f"internal error: {error!r}", ended_at=time.time())
        try:
            active.run = await self._store.change(run.id, state, change, by=run.claim)
        except CodexMCPError as trouble:
            logger.warning("the ending of run %s is not recorded: %s", run.id, trouble)

    def _let_go(self, active: Attempt) -> None:
        # The run may have been claimed again meanwhile.
        if self._active.get(active.run.id) is active:
            self._active.pop(active.run.id)
            self._stored.pop(active.run.id, None)
        if not self._active:
            self._all_ended.set()
        self._news.set()

    async def _every(self, interval_s: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await do()
            except (CodexMCPError, OSError) as error:
                # For example, no descriptor left; the active runs need not end for that.
                logger.warning("to be tried again: %s", error)
            await asyncio.sleep(interval_s)

    async def _sweep(self) -> None:
        await self._work.sweep()
        self._news.set()

    async def _flush(self) -> None:
        news = {
            run_id: active
            for run_id, active in self._active.items()
            if self._stored.get(run_id) != active.progress
        }
        claims = {run_id: each.run.claim for run_id, each in news.items()}
        if news:
            await self._store.note_progress(
                {(name, by): news[name].progress for name, by in claims.items() if by is not None}
            )
            self._stored.update({name: each.progress for name, each in news.items()})


async def _within(timeout_s: float | None, event: asyncio.Event) -> bool:
    """Wait for an event; return whether the event came in time."""
    try:
        async with asyncio.timeout(timeout_s):
            return await event.wait()
    except TimeoutError:
        return False
