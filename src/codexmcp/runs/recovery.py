"""Finds the endings of runs whose owner or app-server died.

Promises that nothing is sent to the model here: what Codex has recorded is read, nothing more.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.orphans import end_carriers
from codexmcp.errors import CodexMCPError, RequestError, StateError
from codexmcp.home.writer import holder_of
from codexmcp.jsonvalues import text_of
from codexmcp.runs import endings, ownership, preparation
from codexmcp.runs.codex import CodexSource
from codexmcp.runs.endings import Ending
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Owner, RunStore

logger = logging.getLogger(__name__)

MAX_TRIES = 3
"""How many sweeps a thread may be unreadable, as on a very busy machine, before its run is lost."""


async def recorded_ending(codex: CodexSource, run: Run) -> Ending | None:
    """Return how Codex has recorded that a run's turn ended; None when it has not."""
    if run.thread_id is None:
        return None
    try:
        thread = await (await codex.get()).read_thread(run.thread_id)
    except CodexMCPError as error:
        logger.warning("the thread of run %s cannot be read: %s", run.id, error)
        return None
    turn = _turn_of(run, thread)
    return None if turn is None else endings.of_record(turn)


async def was_never_sent(codex: CodexSource, run: Run) -> bool:
    """Return whether a run was cut off before Codex got its prompt, for certain."""
    if run.turn_id is not None or run.thread_id is None:
        return False
    try:
        thread = await (await codex.get()).read_thread(run.thread_id)
    except RequestError as error:
        return preparation.was_never_used(error)
    except CodexMCPError:
        return False
    return _turn_of(run, thread) is None


async def end_commands(codex: CodexSource, run: Run) -> None:
    """End what the commands of a lost run have left running: nobody looks after it any more.

    Whoever has continued the thread elsewhere meanwhile has commands of their own there, which look
    the same; then nothing is ended.
    """
    if run.thread_id is None:
        return
    try:
        home = text_of((await codex.get()).info.get("codexHome"))
    except CodexMCPError as error:
        logger.warning("commands of run %s may have been left running: %s", run.id, error)
        return
    if home is not None and holder_of(Path(home), run.thread_id) is None:
        ended = end_carriers(f"CODEX_THREAD_ID={run.thread_id}")
        if ended:
            logger.warning("ended what run %s has left running: %s", run.id, ended)


class Recovery:
    """Takes care of the runs of owners that died.

    Args:
        store: Where runs are recorded.
        own: The id of the owner that we are, who lives, whatever becomes of its lock file.
        locks: The folder of the owners' lock files.
        codex: Gives an app-server that can read threads.
        on_change: Is told each run that was changed.
    """

    def __init__(
        self,
        store: RunStore,
        own: str,
        locks: Path,
        codex: CodexSource,
        on_change: Callable[[Run], None],
    ) -> None:
        self._own = own
        self._store = store
        self._locks = locks
        self._codex = codex
        self._on_change = on_change
        self._tries: Counter[str] = Counter()

    async def sweep(self) -> None:
        """Settle the runs of every owner that died since the last sweep."""
        for owner in self._store.owners():
            if owner.id != self._own and ownership.is_dead(self._locks, owner.id):
                for run in self._store.owned(owner.id):
                    await self._take_over(run, owner)
                if not self._store.owned(owner.id):
                    self._store.delete_owner(owner.id)
                    ownership.forget(self._locks, owner.id)

    async def _take_over(self, run: Run, owner: Owner) -> None:
        if run.state is not RunState.STARTING and await self._shall_wait(run):
            return
        try:
            # It is running before its prompt is sent.
            if run.state is RunState.STARTING or await was_never_sent(self._codex, run):
                self._change(run, RunState.QUEUED, Change(reason=_unsent(owner)))
                return
            ending = await recorded_ending(self._codex, run) or Ending(
                RunState.LOST,
                f"its supervisor (process {owner.pid}) died while it ran; the run can be resumed",
            )
            if ending.state is RunState.LOST:
                await end_commands(self._codex, run)
            self._end(run, ending)
        except StateError:
            # Another supervisor was faster.
            logger.info("run %s was taken over by another supervisor", run.id)

    async def _shall_wait(self, run: Run) -> bool:
        """Return whether Codex cannot tell now how a run ended, and is asked again later."""
        try:
            await (await self._codex.get()).read_thread(run.thread_id or "", include_turns=False)
        except RequestError:
            pass
        except CodexMCPError as error:
            self._tries[run.id] += 1
            logger.warning("the thread of run %s cannot be read: %s", run.id, error)
            return self._tries[run.id] < MAX_TRIES
        self._tries.pop(run.id, None)
        return False

    def _end(self, run: Run, ending: Ending) -> None:
        change = Change(reason=ending.reason, message=ending.message, ended_at=time.time())
        run = self._change(run, ending.state, change)
        if ending.state is RunState.LOST and run.attempt <= run.request.retries:
            self._change(run, RunState.QUEUED, Change(reason=f"again: {ending.reason}"))

    def _change(self, run: Run, to: RunState, change: Change) -> Run:
        changed = self._store.change(run.id, to, change, owner=run.owner)
        self._on_change(changed)
        return changed


def _turn_of(run: Run, thread: Mapping[str, Any]) -> Mapping[str, Any] | None:
    since = run.created_at if run.started_at is None else run.started_at
    return endings.recorded(thread, run.turn_id, run.request.prompt, since)


def _unsent(owner: Owner) -> str:
    return f"its owner (process {owner.pid}) died before it was sent; it starts anew"
