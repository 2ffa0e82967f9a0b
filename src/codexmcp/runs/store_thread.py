"""A blocking store in a separate thread, for use cases on an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Mapping

from codexmcp.errors import StoreError
from codexmcp.runs.run import Claim, Progress, Run, Submission
from codexmcp.runs.states import RunState
from codexmcp.runs.store import BlockingStore, Change, Limits, Owner, RunStore, Selection
from codexmcp.worker_thread import Worker

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 5.0
"""Bound on closing the store, after the waiting steps."""

_NOTHING = Change()


class StoreThread(RunStore):
    """A `RunStore` around a blocking store.

    Args:
        store: The blocking store, opened in the thread.
        worker: The thread.
    """

    def __init__(self, store: BlockingStore, worker: Worker) -> None:
        self._store = store
        self._do = worker.do

    async def add(self, submission: Submission) -> tuple[Run, bool]:
        """See `BlockingStore.add`."""
        return await self._do(lambda: self._store.add(submission))

    async def get(self, run_id: str) -> Run | None:
        """See `BlockingStore.get`."""
        return await self._do(lambda: self._store.get(run_id))

    async def select(self, selection: Selection) -> list[Run]:
        """See `BlockingStore.select`."""
        return await self._do(lambda: self._store.select(selection))

    async def counts(self, group: str) -> Mapping[RunState, int]:
        """See `BlockingStore.counts`."""
        return await self._do(lambda: self._store.counts(group))

    async def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        """See `BlockingStore.claim`."""
        return await self._do(lambda: self._store.claim(owner, group, limits, now))

    async def change(
        self, run_id: str, to: RunState, change: Change = _NOTHING, *, by: Claim | None = None
    ) -> Run:
        """See `BlockingStore.change`."""
        return await self._do(lambda: self._store.change(run_id, to, change, by=by))

    async def note_progress(self, progress: Mapping[tuple[str, Claim], Progress]) -> None:
        """See `BlockingStore.note_progress`."""
        await self._do(lambda: self._store.note_progress(progress))

    async def add_owner(self, owner: Owner) -> None:
        """See `BlockingStore.add_owner`."""
        await self._do(lambda: self._store.add_owner(owner))

    async def owners(self) -> list[Owner]:
        """See `BlockingStore.owners`."""
        return await self._do(self._store.owners)

    async def delete_owner(self, owner_id: str) -> None:
        """See `BlockingStore.delete_owner`."""
        await self._do(lambda: self._store.delete_owner(owner_id))

    async def owned(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.owned`."""
        return await self._do(lambda: self._store.owned(owner_id))

    async def unsettled(self, owner_id: str) -> list[Run]:
        """See `BlockingStore.unsettled`."""
        return await self._do(lambda: self._store.unsettled(owner_id))


@contextlib.asynccontextmanager
async def opened(open_store: Callable[[], BlockingStore]) -> AsyncGenerator[StoreThread, None]:
    """Open a store in a separate thread for the block, then close the store.

    Args:
        open_store: Opens the store; called in the thread, as SQLite demands.

    Raises:
        StoreError: The store cannot be opened.
    """
    worker = Worker("codexmcp-store")
    try:
        store = await worker.do(open_store)
        try:
            yield StoreThread(store, worker)
        finally:
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await worker.do(store.close)
            except StoreError as error:
                logger.warning("the store of runs was not closed: %s", error)
            except TimeoutError:
                logger.warning("the store of runs hangs and was not closed")
    finally:
        worker.close()
