"""What the store in a file does beyond the contract of all stores."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codexmcp.appserver.events import TokenUsage
from codexmcp.errors import StoreCorruptError, StoreError
from codexmcp.runs.sqlite_errors import store_error
from codexmcp.runs.sqlite_file import set_aside
from codexmcp.runs.sqlite_schema import VERSION
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import OVER, RunState
from codexmcp.runs.store import Limits, Selection
from tests.support.run_stores import ended, running, submission


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path)
    yield store
    store.close()


def _spoil(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_runs_outlive_the_store_that_wrote_them(path: Path, store: SqliteStore) -> None:
    run = running(store, "a")
    store.close()
    again = SqliteStore(path)
    assert again.get("a") == run
    again.close()


def test_two_stores_on_one_file_see_each_others_runs(path: Path, store: SqliteStore) -> None:
    other = SqliteStore(path)
    run, _ = store.add(submission("a"))
    assert other.get("a") == run
    assert other.claim("o", "g", Limits(), 200.0) is not None
    assert store.claim("p", "g", Limits(), 200.0) is None
    other.close()


def test_files_and_folders_that_were_missing_are_private(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "home" / "runs" / "runs.sqlite")
    store.add(submission("a"))
    modes = {
        str(each.relative_to(tmp_path)): stat.S_IMODE(each.stat().st_mode)
        for each in (tmp_path / "home").rglob("*")
    }
    store.close()
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert modes.pop("home/runs") == 0o700
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


def test_a_file_of_a_newer_version_is_refused_and_left_alone(
    path: Path, store: SqliteStore
) -> None:
    store.close()
    _spoil(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(
        StoreError, match=rf"version {VERSION + 1}, and this codexmcp knows only {VERSION}: use"
    ):
        SqliteStore(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    connection.close()


@pytest.mark.parametrize("broken", ["'{'", "''", "'[]'", "x'ff'", "CAST(x'ff' AS TEXT)"])
def test_a_run_with_a_broken_request_is_still_listed(
    path: Path, store: SqliteStore, broken: str
) -> None:
    store.add(submission("a", cwd="/w"))
    store.add(submission("b"))
    _spoil(path, f"UPDATE texts SET request = {broken} WHERE sequence = 1")  # noqa: S608 - values above
    second, first = store.select(Selection())
    assert second.request.prompt == "do it"
    assert (first.id, first.request.prompt, first.request.cwd) == ("a", "", "/w")


def test_what_else_is_broken_in_a_row_counts_as_empty(path: Path, store: SqliteStore) -> None:
    running(store, "a")
    _spoil(path, "UPDATE runs SET usage = '{', state = 'later'")
    _spoil(path, "DELETE FROM texts")
    (run,) = store.select(Selection())
    assert (run.id, run.owner, run.message) == ("a", "o", "")
    assert run.progress.usage == TokenUsage()
    assert run.state is RunState.LOST


@pytest.mark.parametrize("value", ["x'41ff'", "CAST(x'41ff' AS TEXT)"])
def test_a_damaged_letter_costs_itself_only(path: Path, store: SqliteStore, value: str) -> None:
    store.add(submission("a"))
    _spoil(path, f"UPDATE runs SET reason = {value}")  # noqa: S608 - values above
    (run,) = store.select(Selection())
    assert run.reason == "A\N{REPLACEMENT CHARACTER}"


def test_a_step_does_not_wait_longer_for_another_process_than_said(path: Path) -> None:
    store = SqliteStore(path, patience_s=0.05)
    running(store, "a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another process"):
        store.change("a", RunState.COMPLETED)
    found = store.get("a")
    assert found is not None
    assert found.state is RunState.RUNNING
    other.execute("ROLLBACK")
    assert store.change("a", RunState.COMPLETED).state is RunState.COMPLETED
    other.close()
    store.close()


def test_opening_does_not_wait_longer_for_another_process_than_said(path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="locked by another process"):
        SqliteStore(path, patience_s=0.05)
    other.close()


@pytest.mark.parametrize("content", [b"this is no database, whatever it is " * 40, b"SQLite"])
def test_what_is_no_database_is_corrupt_and_says_how_to_rebuild_it(
    path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match=r"runs\.sqlite is corrupt .*codexmcp runs reindex"):
        SqliteStore(path)
    assert path.read_bytes() == content


def test_a_corrupt_store_set_aside_makes_room_for_a_new_one(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").write_bytes(b"rubbish" * 100)
    aside = set_aside(path)
    assert aside.name.startswith("runs.sqlite.corrupt-2")
    names = {each.name for each in path.parent.iterdir()}
    assert names == {aside.name, f"{aside.name}-wal", f"{aside.name}-shm"}
    store = SqliteStore(path)
    assert store.restore([ended("a")]) == 1
    store.close()


def test_a_store_that_cannot_be_set_aside_says_so(path: Path) -> None:
    long = path.with_name("x" * 250)
    long.write_bytes(b"")
    with pytest.raises(StoreError, match=r"cannot be renamed .*move it away by hand"):
        set_aside(long)


def test_a_closed_store_refuses_its_work_in_our_words(store: SqliteStore) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="refused a step"):
        store.get("a")


def test_a_number_that_fits_no_column_is_refused_and_nothing_is_recorded(
    store: SqliteStore,
) -> None:
    with pytest.raises(StoreError, match="refused a step"):
        store.add(submission("a", priority=2**70))
    assert store.get("a") is None
    assert store.add(submission("a"))[1] is True


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        (sqlite3.SQLITE_FULL, "SQLITE_FULL", "its disk is full.*free some space"),
        (sqlite3.SQLITE_READONLY, "SQLITE_READONLY", "cannot be opened.*make its folder"),
        (sqlite3.SQLITE_CANTOPEN, "SQLITE_CANTOPEN", "cannot be opened.*make its folder"),
        (sqlite3.SQLITE_BUSY, "SQLITE_BUSY", "locked by another process.*try again"),
        (sqlite3.SQLITE_IOERR_WRITE, "SQLITE_IOERR_WRITE", "read or written.*check free space"),
        (sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT", "is corrupt.*reindex"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "SQLITE_CORRUPT_INDEX", "is corrupt.*reindex"),
    ],
)
def test_each_kind_of_trouble_has_its_own_words(code: int, name: str, words: str) -> None:
    error = sqlite3.OperationalError("the reason")
    error.sqlite_errorcode = code
    error.sqlite_errorname = name
    with pytest.raises(StoreError, match=rf"/x/runs\.sqlite .*{words}"):
        raise store_error(Path("/x/runs.sqlite"), error)


def test_a_full_disk_is_told_apart_from_a_folder_that_may_not_be_written() -> None:
    path = Path("/x/runs.sqlite")
    assert "disk is full" in str(store_error(path, OSError(28, "No space left on device")))
    assert "make its folder" in str(store_error(path, PermissionError(13, "Permission denied")))


ASKED: dict[str, Callable[[SqliteStore], object]] = {
    "the newest": lambda store: store.select(Selection()),
    "the newest of a folder": lambda store: store.select(Selection(cwd="/w")),
    "the newest of a state": lambda store: store.select(Selection(states={RunState.COMPLETED})),
    "the last to end": lambda store: store.select(Selection(OVER, by_end=True)),
    "the last to end before one": lambda store: store.select(
        Selection(OVER, before=60, by_end=True, end_before=2.0)
    ),
    "the last to end in a folder": lambda store: store.select(
        Selection({RunState.COMPLETED}, cwd="/w", by_end=True)
    ),
    "none of a state": lambda store: store.select(Selection(states={RunState.LOST})),
    "none of a folder": lambda store: store.select(Selection(cwd="/x")),
    "the newest of a thread": lambda store: store.select(Selection(thread_id="t")),
    "a later page": lambda store: store.select(Selection(before=60)),
    "one run": lambda store: store.get("r5"),
    "the counts": lambda store: store.counts("g"),
    "an owner's runs": lambda store: store.owned("o"),
    "an owner's unsettled runs": lambda store: store.unsettled("o"),
    "the next run to claim": lambda store: store.claim("o", "g", Limits(), 1.0),
}


@pytest.mark.parametrize("question", ASKED)
def test_a_question_costs_the_same_whatever_has_ended_before(
    store: SqliteStore, question: str
) -> None:
    store.restore([ended(f"r{number}") for number in range(100)])
    few = _cost(store, ASKED[question])
    store.restore([ended(f"s{number}") for number in range(400)])
    assert _cost(store, ASKED[question]) <= few + 10


def _cost(store: SqliteStore, ask: Callable[[SqliteStore], object]) -> int:
    # Steps of SQLite's machine, not time: the same on every machine.
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    store._connection.set_progress_handler(count, 1)
    ask(store)
    store._connection.set_progress_handler(None, 0)
    return steps
