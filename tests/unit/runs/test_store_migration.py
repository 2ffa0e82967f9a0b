"""A store of version 1, opened by today's code."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.runs.sqlite_schema import VERSION
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import Phase, RunState
from codexmcp.runs.store import Limits, Owner, Selection
from tests.support.run_stores import submission

DUMP = Path(__file__).with_name("store-0.1.0.sql")

S = RunState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "runs.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text())
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with contextlib.closing(SqliteStore(path)) as store:
        yield store


def test_every_run_keeps_its_state_and_has_the_phase_that_it_proves(store: SqliteStore) -> None:
    assert {run.id: (run.state, run.phase) for run in store.select(Selection())} == {
        "over-of-nobody": (S.COMPLETED, Phase.GIVEN_BACK),
        "over-of-living": (S.FAILED, Phase.ENDED),
        "same-key": (S.STARTING, Phase.CLAIMED),
        "starting": (S.STARTING, Phase.CLAIMED),
        "running": (S.RUNNING, Phase.MAYBE_SENT),
        "with-turn": (S.RUNNING, Phase.TURN),
        "retried": (S.QUEUED, None),
        "queued": (S.QUEUED, None),
        "queued-too": (S.QUEUED, None),
        "queued-three": (S.QUEUED, None),
    }
    assert store.counts("g") == {
        S.QUEUED: 2,
        S.STARTING: 1,
        S.RUNNING: 2,
        S.COMPLETED: 1,
        S.FAILED: 1,
    }


def test_of_several_runs_with_one_idempotency_key_the_first_keeps_it(store: SqliteStore) -> None:
    for key, first in (("once", "running"), ("twice", "over-of-nobody"), ("thrice", "queued")):
        found, is_new = store.add(submission("new", group="any", idempotency_key=key))
        assert (found.id, is_new) == (first, False)


def test_owners_and_what_they_have_left_are_found(store: SqliteStore) -> None:
    store.add_owner(Owner("new", 13, "", "g"))
    assert [owner.id for owner in store.owners()] == ["living", "other", "new"]
    assert [run.id for run in store.owned("living")] == ["starting", "running", "with-turn"]
    assert [run.id for run in store.unsettled("living")] == ["over-of-living"]
    store.delete_owner("living")
    assert [owner.id for owner in store.owners()] == ["other", "new"]


def test_a_supervisor_of_the_old_version_takes_no_run_of_a_new_owner(
    path: Path, store: SqliteStore
) -> None:
    """It would send the prompt of one that died again."""
    store.add_owner(Owner("new", 13, "", "g"))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        owners = connection.execute("SELECT id, pid, socket, grp FROM owners").fetchall()
    assert [owner for owner, *_ in owners] == ["living", "other"]


def test_a_run_that_the_old_version_takes_up_again_is_not_taken_for_what_it_was(
    path: Path, store: SqliteStore
) -> None:
    run = store.claim("new", "g", Limits(1000, 1000), 300.0)
    assert run is not None
    for state, turn_id, phase in (
        ("running", None, Phase.MAYBE_SENT),
        ("running", "turn", Phase.TURN),
        ("completed", "turn", Phase.ENDED),
    ):
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            values = (state, turn_id, run.id)
            connection.execute("UPDATE runs SET state = ?, turn_id = ? WHERE id = ?", values)
        found = store.get(run.id)
        assert found is not None
        assert found.phase is phase


def test_a_store_is_brought_up_to_date_once(path: Path) -> None:
    for _ in range(2):
        with contextlib.closing(SqliteStore(path)) as store:
            assert len(store.select(Selection())) == 10
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
