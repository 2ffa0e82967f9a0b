"""The store of runs under several processes, killed writers, and files that fail it."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.errors import StateError, StoreCorruptError, StoreError
from codexmcp.runs.run import Run
from codexmcp.runs.sqlite_file import set_aside
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Limits, Selection
from tests.support.builds import CHECKOUT
from tests.support.run_stores import ended, running, submission

BOUND_S = 60.0
ORDER = [RunState.QUEUED, RunState.STARTING, RunState.RUNNING, RunState.COMPLETED]


@contextlib.contextmanager
def worker(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.run_store_worker", *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said_by(*arguments: object) -> list[str]:
    with worker(*arguments) as process:
        out, _ = process.communicate(timeout=BOUND_S)
    assert process.returncode == 0, out
    return out.splitlines()


def worked_at_once(path: Path, *, count: int) -> list[str]:
    """Have processes open a store and claim what they get, and return the runs that they took."""
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(worker("work", path, f"o{n}")) for n in range(count)]
        for each in workers:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in workers:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        taken: list[str] = []
        for each in workers:
            taken += each.communicate(timeout=BOUND_S)[0].split("\n")[:-1]
            assert each.returncode == 0
        return taken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


def test_processes_that_claim_at_once_never_take_a_run_twice_nor_exceed_the_limits(
    path: Path,
) -> None:
    store = SqliteStore(path)
    expected = [f"r{number}" for number in range(120)]
    for number, run_id in enumerate(expected):
        thread = f"t{number % 7}" if number % 2 else None
        store.add(submission(run_id, key=f"k{number % 3}", thread_id=thread))
    taken = worked_at_once(path, count=4)
    assert sorted(taken) == sorted(expected)
    assert store.counts("g") == {RunState.COMPLETED: len(expected)}
    store.close()


def test_processes_may_open_a_store_that_is_not_there_yet_at_once(path: Path) -> None:
    assert worked_at_once(path, count=6) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_writer_loses_no_change_that_it_had_made(path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same moments every time
    for _ in range(3):
        path.unlink(missing_ok=True)
        with worker("write", path) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 300))]
            process.kill()
            lines += process.stdout.readlines()
        made = [line.split() for line in lines]
        store = SqliteStore(path)
        found = {run.id: run for run in store.select(Selection(limit=10_000))}
        for run_id, state in made:
            assert ORDER.index(found[run_id].state) >= ORDER.index(RunState(state))
        assert len(found) <= len({run_id for run_id, _ in made}) + 1
        assert all(map(_is_whole, found.values()))
        assert store.counts("g") == Counter(run.state for run in found.values())
        store.close()
        _assert_sound(path)


def _is_whole(run: Run) -> bool:
    step = ORDER.index(run.state)
    return (
        (run.owner, run.attempt) == (("o", 1) if step >= 1 else (None, 0))
        and run.turn_id == (f"turn of {run.id}" if step >= 2 else None)
        and run.message == (f"done {run.id}" * 500 if step == 3 else "")
        and run.ended_at == (300.0 if step == 3 else None)
        and len(run.request.prompt) == int(run.id[1:]) * 997 % 20_000
    )


def _assert_sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


@pytest.mark.parametrize("limit_kib", [0, 1, 4, 12, 24, 33, 48, 64, 96, 150])
def test_when_files_cannot_grow_nothing_is_half_done(path: Path, limit_kib: int) -> None:
    *errors, last = said_by("be-limited", path, limit_kib * 1024)
    assert last == "whole"
    assert errors
    for error in errors:
        assert f"the store of runs {path} " in error
        assert "limit on file sizes" in error or "disk is full" in error
    _assert_sound(path)


@pytest.mark.parametrize("what", ["new", "folder", "file"])
def test_a_store_that_may_not_be_written_says_what_to_make_writable(what: str) -> None:
    # Not below pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "runs" / "runs.sqlite"
        (error,) = said_by("be-refused", path, what)
    assert f"the store of runs {path} cannot be opened or written" in error
    assert "make its folder and its files writable" in error


def _filled(path: Path) -> bytes:
    store = SqliteStore(path)
    store.restore([ended(f"r{number}", message="m" * 3000) for number in range(40)])
    running(store, "active")
    store.add(submission("waiting"))
    store.close()
    return path.read_bytes()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_store_is_corrupt_and_can_be_rebuilt(path: Path, kept: float) -> None:
    content = _filled(path)
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(StoreCorruptError, match="codexmcp runs reindex"):
        SqliteStore(path)
    assert set_aside(path).exists()
    store = SqliteStore(path)
    assert store.restore([ended("r0")]) == 1
    store.close()


def test_whatever_is_damaged_only_ever_raises_errors_of_ours(path: Path) -> None:
    content = _filled(path)
    chance = random.Random(0)  # noqa: S311 - the same damage every time
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(chance.randrange(1, 400)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        path.write_bytes(damaged)
        try:
            _use(path)
        except (StateError, StoreError):
            refused += 1
    assert refused > 10


def _use(path: Path) -> None:
    with contextlib.closing(SqliteStore(path)) as store:
        for run in store.select(Selection(limit=100)):
            store.get(run.id)
        store.counts("g")
        store.owned("o")
        store.claim("o", "g", Limits(), 200.0)
        store.change("active", RunState.COMPLETED)
        store.delete(["r1", "r2"])
