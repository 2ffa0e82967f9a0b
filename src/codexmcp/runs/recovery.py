"""Settles the runs of a dead owner or app-server.

Promises: nothing is sent to the model here; Codex's records are only read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from codexmcp.appserver.orphans import end_carriers, orphaned_threads
from codexmcp.appserver.refusals import UnknownThreadError
from codexmcp.codex.source import CodexSource
from codexmcp.codex.writer import holder_of
from codexmcp.data_classes import replace
from codexmcp.errors import CodexMCPError, RequestError, StateError
from codexmcp.jsonvalues import text_of
from codexmcp.runs import endings, preparation
from codexmcp.runs.audit.evidence import Evidence, evidence_of
from codexmcp.runs.endings import Ending
from codexmcp.runs.groups import conversations_of
from codexmcp.runs.liveness import Liveness
from codexmcp.runs.run import Run
from codexmcp.runs.states import Phase, RunState
from codexmcp.runs.store import Change, Owner, RunStore

logger = logging.getLogger(__name__)

ORPHANS_S = 10.0
"""Time after our start and after the death of an owner to search for left-behind commands: a Codex
may outlive its owner by some seconds."""

MAX_TRIES = 3
"""Bound on sweeps without an answer of Codex, for example on a very busy machine; then its runs are
lost."""


NEVER_SENT = Ending(RunState.QUEUED)
"""The ending of a run with a prompt that was certainly never sent."""


async def fate_of(codex: CodexSource, run: Run, cause: str) -> Ending:
    """Return the ending of an interrupted run.

    Only the phase proves that a prompt was not sent: `maybe_sent` is recorded before the prompt is
    sent. Without a trace in the audit file and in the thread such a run is lost, because either may
    have had no space for the record.

    Args:
        codex: Source of an app-server for reading threads.
        run: The run, as stored.
        cause: The cause of the interruption.

    Returns:
        `NEVER_SENT`, the recorded ending, or the ending of a lost run.

    Raises:
        CodexMCPError: Codex cannot answer now.
    """
    if run.state is RunState.STARTING:
        return NEVER_SENT
    evidence = await _evidence(run)
    turn_id = run.turn_id or evidence.turn_id
    if run.thread_id is None:
        return endings.lost(cause, turn_id, is_on_record=False, has_thread=False)
    try:
        thread = await (await codex.get()).read_thread(run.thread_id)
    except RequestError as error:
        logger.warning("the thread of run %s cannot be read: %s", run.id, error)
        has_thread = not isinstance(error, UnknownThreadError)
        return endings.lost(cause, turn_id, is_on_record=False, has_thread=has_thread)
    prompt = preparation.CONTINUE_PROMPT if run.is_continued else run.request.prompt
    since = run.created_at if run.started_at is None else run.started_at
    turn = endings.recorded(thread, turn_id, prompt, since)
    if turn is None:
        return endings.lost(cause, turn_id, is_on_record=False, has_thread=True)
    turn_id, is_on_record = text_of(turn.get("id")), endings.has_prompt(turn, prompt)
    ending = endings.of_record(turn)
    if ending is None:
        return endings.lost(cause, turn_id, is_on_record=is_on_record, has_thread=True)
    if ending.state is RunState.COMPLETED and evidence.threads - {run.thread_id}:
        # Otherwise the run would have been over already: the run was waiting for sub-agents.
        return replace(ending, reason=f"its sub-agents may have been cut off: {cause}")
    return ending


async def unread(run: Run, cause: str) -> Ending:
    """Return the ending of an interrupted run while Codex cannot answer; see `fate_of`."""
    if run.state is RunState.STARTING:
        return NEVER_SENT
    turn_id = run.turn_id or (await _evidence(run)).turn_id
    return endings.lost(cause, turn_id, is_on_record=False, has_thread=True)


async def end_commands(codex: CodexSource, runs: Iterable[Run]) -> None:
    """End the remaining commands of runs, sub-agents' commands included.

    A thread continued elsewhere meanwhile may have new commands, which look the same; then no
    command of the thread is ended.

    Args:
        codex: Source of the Codex home.
        runs: Runs without a living owner.

    Raises:
        CodexMCPError: Codex cannot answer now.
    """
    threads: set[str] = set()
    for run in runs:
        if run.thread_id is not None:
            threads |= {run.thread_id, *(await _evidence(run)).threads}
    if not threads:
        return
    server = await codex.get()
    if (home := text_of(server.info.get("codexHome"))) is not None:
        await asyncio.to_thread(_end_carriers, Path(home), server.pid, threads)


async def end_orphans(codex: CodexSource) -> None:
    """End the sandboxed commands of a dead Codex, inside and outside of runs.

    Raises:
        CodexMCPError: Codex cannot answer now.
    """
    server = await codex.get()
    if (home := text_of(server.info.get("codexHome"))) is not None:
        threads = await asyncio.to_thread(orphaned_threads, Path(home))
        await asyncio.to_thread(_end_carriers, Path(home), server.pid, threads)


def _end_carriers(home: Path, codex: int, threads: Iterable[str]) -> None:
    # Commands of our own Codex are spared.
    free = [each for each in threads if holder_of(home, each) in {None, codex}]
    if free and (ended := end_carriers(free)):
        logger.warning("ended commands that a dead Codex has left running: %s", ended)


async def _evidence(run: Run) -> Evidence:
    folder = Path(run.request.audit_dir)
    return await asyncio.to_thread(evidence_of, folder, run.id, run.attempt, run.thread_id)


class Recovery:
    """Settles the runs of dead owners.

    Args:
        store: The store of runs.
        own: Our own owner, alive regardless of its lock file.
        liveness: Knows the dead owners.
        codex: Source of an app-server for reading threads.
        on_change: Called with each changed run.
        reconcile: Brings the audit files of runs in line with the store.
    """

    def __init__(
        self,
        store: RunStore,
        own: Owner,
        liveness: Liveness,
        codex: CodexSource,
        on_change: Callable[[Run], None],
        reconcile: Callable[[Sequence[Run]], object],
    ) -> None:
        self._own = own
        self._store = store
        self._liveness = liveness
        self._codex = codex
        self._on_change = on_change
        self._reconcile = reconcile
        self._tries: Counter[str] = Counter()
        # There may have been an earlier, unrecorded server.
        self._orphans_until = time.monotonic() + ORPHANS_S

    async def sweep(self) -> None:
        """Settle the runs of every owner that died since the last sweep."""
        others = [owner for owner in await self._store.owners() if self._cares_for(owner)]
        for owner in await self._liveness.dead(others):
            self._orphans_until = time.monotonic() + ORPHANS_S
            await self._settle(owner)
        if time.monotonic() < self._orphans_until:
            try:
                await end_orphans(self._codex)
            except CodexMCPError as error:
                logger.warning("commands may have been left running: %s", error)

    def _cares_for(self, owner: Owner) -> bool:
        """Return whether an owner is another owner with conversations readable for us."""
        place = conversations_of(self._own.group)
        return owner.id != self._own.id and conversations_of(owner.group) == place

    async def _settle(self, owner: Owner) -> None:
        """Settle the runs of a dead owner; Codex may fail for `MAX_TRIES` sweeps."""
        self._tries[owner.id] += 1
        is_last_try = self._tries[owner.id] >= MAX_TRIES
        left = [*await self._store.owned(owner.id), *await self._store.unsettled(owner.id)]
        try:
            await end_commands(self._codex, left)
        except CodexMCPError as error:
            logger.warning("commands of runs may have been left running: %s", error)
            if not is_last_try:
                return
        for run in await self._store.owned(owner.id):
            await self._take_over(run, owner, is_last_try=is_last_try)
        await self._close(await self._store.unsettled(owner.id))
        if not await self._store.owned(owner.id) and not await self._store.unsettled(owner.id):
            self._tries.pop(owner.id)
            await self._store.delete_owner(owner.id)
            await self._liveness.forget(owner)

    async def _take_over(self, run: Run, owner: Owner, *, is_last_try: bool) -> None:
        cause = f"its supervisor (process {owner.pid}) died while it ran"
        await asyncio.to_thread(self._reconcile, [run])
        try:
            fate = await fate_of(self._codex, run, cause)
        except CodexMCPError as error:
            logger.warning("the thread of run %s cannot be read: %s", run.id, error)
            if not is_last_try:
                return
            fate = await unread(run, cause)
        try:
            if fate is NEVER_SENT:
                await self._change(run, RunState.QUEUED, Change(reason=_unsent(owner)))
            else:
                await self._end(run, fate)
        except StateError:
            # Another supervisor was faster.
            logger.info("run %s was taken over by another supervisor", run.id)

    async def _end(self, run: Run, ending: Ending) -> None:
        await self._change(run, *ending.change_of(run, time.time()))

    async def _close(self, runs: Sequence[Run]) -> None:
        """Bring the files of ended runs in line with the store, and record the runs as settled."""
        unaudited = [run for run in runs if run.phase is Phase.ENDED]
        await asyncio.to_thread(self._reconcile, unaudited)
        for run in runs:
            try:
                await self._store.change(
                    run.id, run.state, Change(phase=Phase.GIVEN_BACK), by=run.claim
                )
            except StateError:
                logger.info("run %s was settled by another supervisor", run.id)
            # A supervisor of 0.1.0 may have left thousands of runs.
            await asyncio.sleep(0)

    async def _change(self, run: Run, to: RunState, change: Change) -> Run:
        changed = await self._store.change(run.id, to, change, by=run.claim)
        self._on_change(changed)
        return changed


def _unsent(owner: Owner) -> str:
    return f"its owner (process {owner.pid}) died before it was sent; it is started again"
