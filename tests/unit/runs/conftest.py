"""Every store of runs, for the tests of what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.store import BlockingStore
from tests.support.memory_store import MemoryStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockingStore]:
    store = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "runs.sqlite")
    yield store
    store.close()
