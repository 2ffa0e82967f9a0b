"""From where a run goes on: the store knows it, and audit files are not believed."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.errors import RunErrorKind, RunNotFoundError, StateError
from codexmcp.runs import store_thread
from codexmcp.runs.approvals import Approvals
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import scan
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.groups import group_id
from codexmcp.runs.service import RunService, RunStorage
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.store import Limits, Owner, RunStore
from tests.support.audit import a_run, ended, open_trail

PLAIN = group_id("0123456789abcdef")
CONTAINED = group_id("0123456789abcdef", "fedcba9876543210")
IN_CONTAINER = "is kept for a container"
OUTSIDE = "is not in the container of this server"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "pointers/runs.sqlite3"


def _record(project: Path, group: str) -> None:
    """Write the audit files of a run that is over."""
    run = replace(a_run(project), group=group)
    trail = open_trail(run, project.parent / "pointers")
    trail.state(ended(run))
    trail.close()


def _service(store: RunStore, pointers: Path, group: str) -> RunService:
    async def nothing(*_: object) -> None: ...

    engine = EmbeddedEngine(store, Owner("o", 1, "", group), Limits(), Work(nothing, nothing))
    return RunService(
        RunStorage(store, pointers, group, Redactor()), engine, Approvals(lambda _: None)
    )


@pytest.mark.parametrize(
    ("of_run", "of_server", "refusal"),
    [(CONTAINED, PLAIN, IN_CONTAINER), (PLAIN, CONTAINED, OUTSIDE)],
)
async def test_a_conversation_is_only_gone_on_with_where_it_lies(
    project: Path, path: Path, of_run: str, of_server: str, refusal: str
) -> None:
    _record(project, of_run)
    with contextlib.closing(SqliteStore(path)) as blocking:
        assert blocking.restore(list(scan([default_audit_dir(project)], group=of_server))) == 1
    async with store_thread.opened(lambda: SqliteStore(path)) as store:
        here, there = (_service(store, path.parent, group) for group in (of_run, of_server))
        assert (await here.origin("r-1")).thread_id == "thread-of-r-1"
        with pytest.raises(StateError, match=refusal):
            await there.origin("r-1")


async def test_audit_files_alone_lead_to_no_conversation(project: Path, path: Path) -> None:
    _record(project, PLAIN)
    async with store_thread.opened(lambda: SqliteStore(path)) as store:
        service = _service(store, path.parent, PLAIN)
        with pytest.raises(RunNotFoundError) as refused:
            await service.origin("r-1")
    assert refused.value.kind is RunErrorKind.NOT_IN_STORE
