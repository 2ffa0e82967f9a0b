"""A run service in memory, whose runs do what a test has them do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from codexmcp.runs.approvals import Approvals
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.memory_store import MemoryStore
from codexmcp.runs.service import Keeping, RunService
from codexmcp.runs.store import Limits, Owner

GROUP = "group"


class InMemory:
    """A service and its engine.

    Attributes:
        engine: Works on the runs while it is `serving`.
        service: The use cases on them.
    """

    def __init__(self, store: MemoryStore, work: Work, folder: Path) -> None:
        owner = Owner("owner", 1, "", GROUP)
        self.engine = EmbeddedEngine(store, owner, Limits(1000, 1000), work)
        keeping = Keeping(store, folder, GROUP, Redactor(()))
        self.service = RunService(keeping, self.engine, Approvals(lambda _run_id: None))

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[None]:
        """Have runs worked on while the block runs."""
        task = asyncio.create_task(self.engine.serve())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
