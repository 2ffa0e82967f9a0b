"""From where a run goes on: the store knows it, or only its audit files do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.errors import StateError
from codexmcp.runs.approvals import Approvals
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import scan
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.groups import group_id
from codexmcp.runs.service import Keeping, RunService
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.store import Limits, Owner, RunStore
from tests.support.audit import a_run, ended, open_trail

PLAIN = group_id("0123456789abcdef")
CONTAINED = group_id("0123456789abcdef", "fedcba9876543210")
IN_CONTAINER = "is kept for a container"
OUTSIDE = "is not in the container of this server"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with contextlib.closing(SqliteStore(tmp_path / "pointers/runs.sqlite3")) as store:
        yield store


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
        Keeping(store, pointers, group, Redactor()), engine, Approvals(lambda _: None)
    )


@pytest.mark.parametrize("is_reindexed", [False, True])
@pytest.mark.parametrize(
    ("of_run", "of_server", "refusal"),
    [(CONTAINED, PLAIN, IN_CONTAINER), (PLAIN, CONTAINED, OUTSIDE)],
)
def test_a_conversation_is_only_gone_on_with_where_it_lies(
    project: Path,
    store: RunStore,
    of_run: str,
    of_server: str,
    refusal: str,
    *,
    is_reindexed: bool,
) -> None:
    _record(project, of_run)
    if is_reindexed:
        assert store.restore(list(scan([default_audit_dir(project)], group=of_server))) == 1
    pointers = project.parent / "pointers"
    here, there = (_service(store, pointers, group) for group in (of_run, of_server))
    assert here.origin("r-1").thread_id == "thread-of-r-1"
    with pytest.raises(StateError, match=refusal):
        there.origin("r-1")


@pytest.mark.parametrize("group", [PLAIN, CONTAINED])
def test_a_run_whose_file_names_no_group_goes_on_anywhere(
    project: Path, store: RunStore, group: str
) -> None:
    folder = default_audit_dir(project)
    folder.mkdir(parents=True)
    line = '{"method":"turn/started","params":{"threadId":"t","cwd":"/w"}}\n'
    (folder / "old.jsonl").write_text(line)
    service = _service(store, project.parent / "pointers", group)
    assert service.origin("old", cwd=str(project)).thread_id == "t"
