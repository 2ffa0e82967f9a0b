"""A run service in memory, whose runs do what a test has them do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from codexmcp.runs.approvals import Approvals
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.service import RunService, RunStorage
from codexmcp.runs.store import BlockingStore, Limits, Owner
from codexmcp.runs.store_thread import StoreThread
from codexmcp.worker_thread import Worker
from tests.support.memory_store import MemoryStore

GROUP = "group"


def in_a_thread(store: BlockingStore) -> StoreThread:
    """Return a blocking store as the use cases take it; nobody else may use it meanwhile."""
    return StoreThread(store, Worker("test-store"))


class InMemory:
    """A service and its engine.

    Attributes:
        engine: Works on the runs while it is `serving`.
        service: The use cases on them.
    """

    def __init__(self, blocking: MemoryStore, work: Work, folder: Path) -> None:
        owner = Owner("owner", 1, "", GROUP)
        store = in_a_thread(blocking)
        self.engine = EmbeddedEngine(store, owner, Limits(1000, 1000), work)
        keeping = RunStorage(store, folder, GROUP, Redactor(()))
        self.service = RunService(keeping, self.engine, Approvals(lambda _run_id: None))

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Have runs worked on while the block runs."""
        task = asyncio.create_task(self.engine.serve())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
