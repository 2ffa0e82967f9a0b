"""Finds the endings of runs whose owner or app-server died.

Promises that nothing is sent to the model here: what Codex has recorded is read, nothing more.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from codexmcp.appserver.orphans import end_carriers
from codexmcp.errors import CodexMCPError, RequestError, StateError
from codexmcp.home.writer import holder_of
from codexmcp.jsonvalues import text_of
from codexmcp.runs import endings, ownership, preparation
from codexmcp.runs.codex import CodexSource
from codexmcp.runs.endings import Ending
from codexmcp.runs.groups import conversations_of
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Owner, RunStore

logger = logging.getLogger(__name__)

MAX_TRIES = 3
"""How many sweeps a thread may be unreadable, as on a very busy machine, before its run is lost."""


NEVER_SENT = Ending(RunState.QUEUED)
"""The fate of a run that was cut off before Codex got its prompt, for certain."""


async def fate_of(codex: CodexSource, run: Run) -> Ending | None:
    """Return how Codex has recorded that a run's turn ended; None when it has not.

    Returns:
        `NEVER_SENT` when there is no turn to end.

    Raises:
        CodexMCPError: Codex cannot tell now.
    """
    # It is running before its prompt is sent.
    if run.state is RunState.STARTING:
        return NEVER_SENT
    if run.thread_id is None:
        return None
    try:
        thread = await (await codex.get()).read_thread(run.thread_id)
    except RequestError as error:
        if run.turn_id is None and preparation.was_never_used(error):
            return NEVER_SENT
        logger.warning("the thread of run %s cannot be read: %s", run.id, error)
        return None
    since = run.created_at if run.started_at is None else run.started_at
    turn = endings.recorded(thread, run.turn_id, run.request.prompt, since)
    if turn is not None:
        return endings.of_record(turn)
    return NEVER_SENT if run.turn_id is None else None


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
        own: The owner that we are, who lives, whatever becomes of its lock file.
        locks: The folder of the owners' lock files.
        codex: Gives an app-server that can read threads.
        on_change: Is told each run that was changed.
    """

    def __init__(
        self,
        store: RunStore,
        own: Owner,
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
            if self._cares_for(owner) and ownership.is_dead(self._locks, owner.id):
                for run in self._store.owned(owner.id):
                    await self._take_over(run, owner)
                if not self._store.owned(owner.id):
                    self._store.delete_owner(owner.id)
                    ownership.forget(self._locks, owner.id)

    def _cares_for(self, owner: Owner) -> bool:
        """Return whether an owner is another one whose conversations we can read."""
        place = conversations_of(self._own.group)
        return owner.id != self._own.id and conversations_of(owner.group) == place

    async def _take_over(self, run: Run, owner: Owner) -> None:
        try:
            fate = await fate_of(self._codex, run)
        except CodexMCPError as error:
            self._tries[run.id] += 1
            logger.warning("the thread of run %s cannot be read: %s", run.id, error)
            if self._tries[run.id] < MAX_TRIES:
                return
            fate = None
        self._tries.pop(run.id, None)
        try:
            if fate is NEVER_SENT:
                self._change(run, RunState.QUEUED, Change(reason=_unsent(owner)))
                return
            if fate is None:
                await end_commands(self._codex, run)
            self._end(run, fate or _lost(owner))
        except StateError:
            # Another supervisor was faster.
            logger.info("run %s was taken over by another supervisor", run.id)

    def _end(self, run: Run, ending: Ending) -> None:
        change = Change(reason=ending.reason, message=ending.message, ended_at=time.time())
        run = self._change(run, ending.state, change)
        if run.goes_on_by_itself:
            self._change(run, RunState.QUEUED, Change(reason=f"again: {ending.reason}"))

    def _change(self, run: Run, to: RunState, change: Change) -> Run:
        changed = self._store.change(run.id, to, change, owner=run.owner)
        self._on_change(changed)
        return changed


def _lost(owner: Owner) -> Ending:
    text = f"its supervisor (process {owner.pid}) died while it ran; the run can be resumed"
    return Ending(RunState.LOST, text)


def _unsent(owner: Owner) -> str:
    return f"its owner (process {owner.pid}) died before it was sent; it starts anew"
