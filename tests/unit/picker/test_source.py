from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.picker import source
from codexmcp.picker.columns import COMPLETED, RUNNING, Cursor
from codexmcp.picker.source import Source, View, matches, read_page, words_of
from codexmcp.runs.run import Run
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection, end_of
from codexmcp.supervisor.directory import STORE_NAME, RunDirectory
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import claim, ended, running, submission


class Counted:
    """A store that counts how many runs it has handed out."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.loaded = 0

    def select(self, selection: Selection) -> Sequence[Run]:
        runs = self.store.select(selection)
        self.loaded += len(runs)
        return runs


def filled(count: int) -> MemoryStore:
    store = MemoryStore()
    store.restore(
        [
            ended(
                f"r{number:05}", created_at=float(number), state=["completed", "failed"][number % 2]
            )
            for number in range(count)
        ]
    )
    return store


@given(st.integers(0, 25), st.integers(1, 7))
def test_following_the_pages_shows_every_run_once(count: int, size: int) -> None:
    store, cursor, seen = filled(count), Cursor(), list[str]()
    while True:
        page = read_page(store.select, COMPLETED, cursor, View(size=size))
        assert len(page.runs) <= size
        seen += [run.id for run in page.runs]
        if page.following is None:
            break
        cursor = page.following
    assert seen == [f"r{number:05}" for number in reversed(range(count))]


@given(st.lists(st.none() | st.integers(0, 5), max_size=25), st.integers(1, 7))
def test_the_last_to_end_comes_first_on_every_page(ends: list[int | None], size: int) -> None:
    store, cursor, seen = MemoryStore(), Cursor(), list[Run]()
    store.restore(
        [
            ended(f"r{number:02}", created_at=1.5, state=state, ended_at=end)
            for number, end in enumerate(ends)
            for state in [["completed", "failed", "lost"][number % 3]]
        ]
    )
    while True:
        page = read_page(store.select, COMPLETED, cursor, View(size=size))
        seen += page.runs
        if page.following is None:
            break
        cursor = page.following
    assert seen == sorted(seen, key=lambda run: (end_of(run), run.sequence), reverse=True)
    assert len({run.id for run in seen}) == len(ends)


def test_runs_that_need_an_answer_come_before_those_that_work_and_the_queue() -> None:
    store = MemoryStore()
    running(store, "works")
    running(store, "asks")
    store.change("asks", RunState.WAITING_FOR_APPROVAL)
    store.add(submission("starts"))
    claim(store)
    for number in range(3):
        store.add(submission(f"queued{number}"))
    first = read_page(store.select, RUNNING, Cursor(), View(size=4))
    assert [run.id for run in first.runs] == ["asks", "starts", "works", "queued2"]
    assert first.following is not None
    rest = read_page(store.select, RUNNING, first.following, View(size=4))
    assert ([run.id for run in rest.runs], rest.following) == (["queued1", "queued0"], None)


def test_a_page_loads_one_run_more_than_it_shows() -> None:
    store = Counted(filled(5000))
    read_page(store.select, COMPLETED, Cursor(), View(size=9))
    assert store.loaded == 10


def test_a_search_is_broken_off_and_goes_on_with_the_next_page() -> None:
    store = Counted(filled(5000))
    view = View(size=9, words=("r00001",))
    page = read_page(store.select, COMPLETED, Cursor(), view)
    assert (page.runs, page.searched, store.loaded) == ((), 2000, 2000)
    for _ in range(2):
        assert page.following is not None
        page = read_page(store.select, COMPLETED, page.following, view)
    assert [run.id for run in page.runs] == ["r00001"]
    assert (page.searched, page.following) == (0, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", True),
        ("BILLING", True),
        ("fix billing", True),
        ("fix nothing", False),
        ("20261121", True),
        ("running", True),
        ("needs", False),
        ("shop", True),
    ],
)
def test_a_filter_looks_at_title_id_state_and_folder(text: str, found: bool) -> None:  # noqa: FBT001
    store = MemoryStore()
    run = running(store, "20261121-x", prompt="Fix the billing", cwd="/home/me/shop")
    assert matches(run, words_of(text)) is found


def test_runs_of_other_folders_are_left_out(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    store = SqliteStore(directory.store_path)
    store.add(submission("here", cwd="/here"))
    store.add(submission("there", cwd="/there"))
    store.close()
    seen = Source(directory).read(View("/here"))
    assert [run.id for run in seen.running.runs] == ["here"]
    assert seen.counts == {RunState.QUEUED: 1}
    every = Source(directory).read(View())
    assert every.counts == {RunState.QUEUED: 2}
    directory.close()


def test_no_store_is_no_trouble_and_none_is_made(tmp_path: Path) -> None:
    seen = Source(RunDirectory(tmp_path / "nowhere")).read(View())
    assert (seen.has_store, seen.trouble, seen.counts) == (False, "", {})
    assert not (tmp_path / "nowhere").exists()


def test_a_store_that_vanishes_is_told_and_found_again(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    look = Source(directory)
    SqliteStore(directory.store_path).close()
    assert not look.read(View()).trouble
    for file in tmp_path.glob(f"{STORE_NAME}*"):
        file.unlink()
    gone = look.read(View())
    assert not gone.has_store
    assert "is gone" in gone.trouble
    store = SqliteStore(directory.store_path)
    store.add(submission("new"))
    store.close()
    assert [run.id for run in look.read(View()).running.runs] == ["new"]
    look.close()


def test_a_corrupt_store_is_told_with_its_remedy_and_read_once_it_is_replaced(
    tmp_path: Path,
) -> None:
    directory = RunDirectory(tmp_path)
    directory.store_path.write_bytes(b"no database" * 100)
    look = Source(directory)
    assert "codexmcp runs reindex" in look.read(View()).trouble
    directory.store_path.unlink()
    SqliteStore(directory.store_path).close()
    assert look.read(View()).trouble == ""
    look.close()


def test_the_bound_of_a_search_is_a_number_of_whole_reads() -> None:
    assert source.MAX_SEARCHED % source._SEARCHED_AT_ONCE == 0
