"""The embedded engine: works on the runs of a store in this process.

Owns the runs that it has claimed. Promises that limits hold, that a run is claimed once, and that
it ends with every run recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from codexmcp.errors import CodexMCPError, DeadlineError, RunNotFoundError, StateError, StoreError
from codexmcp.runs.active import ActiveRun
from codexmcp.runs.engine import Stats
from codexmcp.runs.run import Progress, Run, Submission
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Limits, Owner, RunStore

logger = logging.getLogger(__name__)

SWEEP_S = 3.0
"""How often the runs of dead owners are looked for, and delayed runs at the latest."""

FLUSH_S = 1.0
"""How often the progress of active runs is stored."""

STOP_TIMEOUT_S = 20.0
"""Bound on the end of runs that were interrupted; the interrupt itself takes some 10 ms."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the engine does with runs.

    Attributes:
        execute: Works on a run until its ending is recorded.
        sweep: Takes care of the runs of dead owners.
    """

    execute: Callable[[ActiveRun], Awaitable[None]]
    sweep: Callable[[], Awaitable[None]]


class EmbeddedEngine:
    """An engine on the event loop of this process.

    Args:
        store: Where runs are recorded.
        owner: Who we are; on record already.
        limits: How many runs may be active.
        work: What is done with them.
    """

    def __init__(self, store: RunStore, owner: Owner, limits: Limits, work: Work) -> None:
        self._store = store
        self._owner = owner
        self._limits = limits
        self._work = work
        self._active: dict[str, ActiveRun] = {}
        self._stored: dict[str, Progress] = {}
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False

    def submit(self, submission: Submission) -> tuple[Run, bool]:
        """Record a run to be worked on; see `Engine.submit`."""
        if self._draining:
            raise StateError(
                "this supervisor is stopping and takes no further runs; try again in a moment, and "
                "a new one takes it"
            )
        run, is_new = self._store.add(submission)
        self._news.set()
        return run, is_new

    def active(self, run_id: str) -> ActiveRun | None:
        """Return a run that is worked on here; None for any other."""
        return self._active.get(run_id)

    async def cancel(self, run_id: str, reason: str) -> Run:
        """Interrupt a run, or withdraw one that waits; see `Engine.cancel`."""
        active = self._active.get(run_id)
        if active is None:
            return self._withdraw(run_id, reason)
        active.stop(reason)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await active.ended.wait()
        except TimeoutError:
            raise DeadlineError(
                f"run {run_id} was told to stop and has not ended within {STOP_TIMEOUT_S:g} s; "
                "wait for it, or end the supervisor (`codexmcp serve --stop`)"
            ) from None
        return active.run

    async def serve(self) -> None:
        """Work until cancelled, or until drained; see `Engine.serve`."""
        async with asyncio.TaskGroup() as tasks:
            sweeping = tasks.create_task(self._every(SWEEP_S, self._sweep))
            flushing = tasks.create_task(self._every(FLUSH_S, self._flush))
            try:
                while not (self._draining and self._idle.is_set()):
                    self._news.clear()
                    for run in self._claims():
                        tasks.create_task(self._work_on(self._taken(run)))
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
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            for active in self._active.values():
                active.stop("the supervisor was stopped; the run can be resumed")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self._idle.wait()

    def stats(self) -> Stats:
        """Return what there is to do; see `Engine.stats`."""
        counts = self._store.counts(self._owner.group)
        return Stats(len(self._active), counts, self._draining)

    def _withdraw(self, run_id: str, reason: str) -> Run:
        run = self._store.get(run_id)
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id}; codex_runs lists those there are")
        if run.state is not RunState.QUEUED:
            what = "is over" if run.state.is_over else "is worked on by another supervisor"
            raise StateError(f"run {run_id} cannot be interrupted: it {what} ({run.state})")
        change = Change(reason=reason, ended_at=time.time())
        return self._store.change(run_id, RunState.INTERRUPTED, change)

    def _claims(self) -> list[Run]:
        claimed: list[Run] = []
        try:
            while not self._draining:
                now = time.time()
                run = self._store.claim(self._owner.id, self._owner.group, self._limits, now)
                if run is None:
                    break
                claimed.append(run)
        except StoreError as error:
            logger.warning("no run can be claimed for now: %s", error)
        return claimed

    def _taken(self, run: Run) -> ActiveRun:
        """Have a run that was claimed at hand for whoever asks before the work on it begins."""
        active = self._active[run.id] = ActiveRun(run, self._let_go)
        self._idle.clear()
        return active

    async def _work_on(self, active: ActiveRun) -> None:
        try:
            await self._work.execute(active)
        except Exception:  # one broken run must not end the others
            logger.exception("run %s broke off", active.run.id)
        finally:
            if not active.ended.is_set():
                active.end()

    def _let_go(self, active: ActiveRun) -> None:
        self._active.pop(active.run.id, None)
        self._stored.pop(active.run.id, None)
        if not self._active:
            self._idle.set()
        self._news.set()

    async def _every(self, interval_s: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await do()
            except (CodexMCPError, OSError) as error:
                # Such as no descriptor left; the runs under way need not end for that.
                logger.warning("to be tried again: %s", error)
            await asyncio.sleep(interval_s)

    async def _sweep(self) -> None:
        await self._work.sweep()
        self._news.set()

    async def _flush(self) -> None:
        news = {
            run_id: active.progress
            for run_id, active in self._active.items()
            if self._stored.get(run_id) != active.progress
        }
        if news:
            self._store.note_progress(news)
            self._stored.update(news)
