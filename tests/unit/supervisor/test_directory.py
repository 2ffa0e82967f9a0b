from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.errors import RunNotFoundError, StateError, StoreError
from codexmcp.runs.ownership import Ownership
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import ACTIVE, OVER, RunState
from codexmcp.runs.store import Selection
from codexmcp.settings import Settings
from codexmcp.supervisor.directory import (
    LOCKS_NAME,
    OWNER_DIED,
    STORE_NAME,
    RunDirectory,
    pointer_dir,
)
from tests.support.run_stores import claim, ended, running, submission


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / STORE_NAME)
    yield store
    store.close()


@pytest.fixture
def directory(tmp_path: Path, store: SqliteStore) -> Iterator[RunDirectory]:
    with RunDirectory(tmp_path) as directory:
        yield directory


def owner(folder: Path, store: SqliteStore, socket: str = "/s", group: str = "g") -> Ownership:
    ownership = Ownership.take(folder / LOCKS_NAME, socket=socket, group=group)
    store.add_owner(ownership.owner)
    return ownership


def ids(directory: RunDirectory, **selection: object) -> list[str]:
    return [run.id for run in directory.select(Selection(**selection))]  # type: ignore[arg-type]


def test_a_missing_store_holds_no_runs_and_is_not_made(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "none")
    assert not directory.exists()
    assert directory.select(Selection()) == []
    assert directory.tally() == {}
    assert directory.owners() == []
    with pytest.raises(RunNotFoundError, match="there is no run 'x'"):
        directory.get("x")
    assert not (tmp_path / "none").exists()


def test_a_run_whose_owner_lives_stands_as_recorded(
    tmp_path: Path, store: SqliteStore, directory: RunDirectory
) -> None:
    ownership = owner(tmp_path, store)
    running(store, "r", ownership.owner.id)
    assert directory.get("r").state is RunState.RUNNING
    assert directory.owner_of(directory.get("r")) == ownership.owner
    ownership.release()


def test_a_run_whose_owner_died_is_lost_and_nothing_is_written(
    tmp_path: Path, store: SqliteStore, directory: RunDirectory
) -> None:
    ownership = owner(tmp_path, store)
    running(store, "r", ownership.owner.id)
    store.restore([ended("old")])
    ownership.release()
    run = directory.get("r")
    assert (run.state, run.reason) == (RunState.LOST, OWNER_DIED)
    assert ids(directory, states=ACTIVE) == []
    assert ids(directory, states={RunState.LOST}) == ["r"]
    assert ids(directory, states=OVER) == ["old", "r"]
    assert directory.tally() == {RunState.LOST: 1, RunState.COMPLETED: 1}
    recorded = store.get("r")
    assert recorded is not None
    assert recorded.state is RunState.RUNNING


def test_a_page_is_filled_past_runs_that_stand_otherwise_than_recorded(
    tmp_path: Path, store: SqliteStore, directory: RunDirectory
) -> None:
    ownership = owner(tmp_path, store)
    store.restore([ended(f"old{number}", created_at=float(number)) for number in range(5)])
    for number in range(7):
        running(store, f"live{number}", ownership.owner.id)
    assert ids(directory, states=OVER, limit=2) == ["old4", "old3"]
    last = directory.select(Selection(OVER, limit=2))[-1]
    assert ids(directory, states=OVER, limit=9, before=last.sequence) == ["old2", "old1", "old0"]
    ownership.release()
    assert len(ids(directory, states=OVER, limit=20)) == 12


def test_a_run_that_is_not_worked_on_is_acted_on_by_whoever_may_work_on_its_group(
    tmp_path: Path, store: SqliteStore, directory: RunDirectory
) -> None:
    store.restore([ended("old")])
    assert directory.owner_of(directory.get("old")) is None
    other, private, ours = (
        owner(tmp_path, store, group="other"),
        owner(tmp_path, store, socket=""),
        owner(tmp_path, store),
    )
    assert directory.owner_of(directory.get("old")) == ours.owner
    assert directory.owners() == [ours.owner, other.owner]
    ours.release()
    assert directory.owner_of(directory.get("old")) is None
    other.release()
    private.release()


def test_a_run_of_a_private_server_can_be_acted_on_by_nobody_else(
    tmp_path: Path, store: SqliteStore, directory: RunDirectory
) -> None:
    private = owner(tmp_path, store, socket="")
    running(store, "r", private.owner.id)
    with pytest.raises(StateError, match="only its own client"):
        directory.owner_of(directory.get("r"))
    private.release()


def test_counts_are_those_of_the_folder(store: SqliteStore, directory: RunDirectory) -> None:
    store.add(submission("a", cwd="/one"))
    store.add(submission("b", cwd="/two"))
    claim(store)
    store.change("a", RunState.RUNNING)
    assert directory.tally("/two") == {RunState.QUEUED: 1}


def test_a_store_that_is_replaced_is_followed(tmp_path: Path) -> None:
    with RunDirectory(tmp_path) as directory:
        for name in ("first", "second"):
            for file in tmp_path.glob(f"{STORE_NAME}*"):
                file.unlink()
            made = SqliteStore(directory.store_path)
            made.add(submission(name))
            made.close()
            assert ids(directory) == [name]


def test_a_store_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / STORE_NAME).write_bytes(b"nonsense" * 1000)
    with RunDirectory(tmp_path) as directory, pytest.raises(StoreError, match="reindex"):
        directory.select(Selection())


def test_a_store_that_cannot_be_looked_at_is_no_missing_one(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / ("x" * 300)) as directory:
        assert directory.exists()
        with pytest.raises(StoreError, match="cannot be read"):
            directory.select(Selection())


def test_the_folder_of_the_store_is_the_one_that_was_named_or_the_homes(tmp_path: Path) -> None:
    settings = Settings(codex_home=tmp_path)
    assert pointer_dir(settings, {}) == tmp_path / "mcp-wrapper"
    assert pointer_dir(settings, {"CODEX_MCP_WRAPPER_POINTER_DIR": "/named"}) == Path("/named")
