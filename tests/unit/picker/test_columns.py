from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.picker.columns import COMPLETED, RUNNING, Column, Cursor, Page
from codexmcp.picker.source import View, read_page
from codexmcp.runs.states import RunState
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import ended


def store_of(count: int) -> MemoryStore:
    store = MemoryStore()
    store.restore([ended(f"r{number}", created_at=float(number)) for number in range(count)])
    return store


def read(column: Column, store: MemoryStore, size: int = 3) -> None:
    """Read the column's page until it is one that is there."""
    view = View(size=size)
    while column.show(read_page(store.select, column.groups, column.cursor, view)):
        pass


def ids(column: Column) -> list[str]:
    return [run.id for run in column.page.runs]


def test_every_state_belongs_to_one_column() -> None:
    states = [state for groups in (RUNNING, COMPLETED) for group in groups for state in group]
    assert sorted(states) == sorted(RunState)


def test_the_first_run_is_selected_at_first() -> None:
    column = Column("Completed", COMPLETED)
    read(column, store_of(7))
    assert (ids(column), column.selected, column.number) == (["r6", "r5", "r4"], "r6", 1)


def test_moving_past_the_end_of_a_page_turns_it_and_back_again() -> None:
    column, store = Column("Completed", COMPLETED), store_of(7)
    read(column, store)
    assert [column.move(1) for _ in range(3)] == [False, False, True]
    assert column.run is None, "no key may act on a run that is about to leave the screen"
    read(column, store)
    assert (ids(column), column.selected) == (["r3", "r2", "r1"], "r3")
    assert column.move(-1)
    read(column, store)
    assert (ids(column), column.selected) == (["r6", "r5", "r4"], "r4")


def test_the_ends_of_the_list_hold_the_selection() -> None:
    column, store = Column("Completed", COMPLETED), store_of(2)
    read(column, store)
    assert not column.move(-1)
    assert column.selected == "r1"
    assert not column.turn(1)
    assert column.selected == "r0"
    assert not column.move(1)
    assert column.selected == "r0"
    assert not column.turn(-1)
    assert column.selected == "r1"


def test_the_selection_stays_with_its_run_when_newer_ones_come() -> None:
    column, store = Column("Completed", COMPLETED), store_of(3)
    read(column, store)
    column.move(1)
    store.restore([ended("new", created_at=9.0)])
    read(column, store)
    assert (ids(column), column.selected, column.index) == (["new", "r2", "r1"], "r1", 2)


def test_the_selection_stays_at_its_place_when_its_run_goes() -> None:
    column, store = Column("Completed", COMPLETED), store_of(3)
    read(column, store)
    column.move(1)
    store.delete(["r1"])
    read(column, store)
    assert (ids(column), column.selected) == (["r2", "r0"], "r0")


def test_a_page_whose_runs_were_deleted_leads_back_to_the_one_before() -> None:
    column, store = Column("Completed", COMPLETED), store_of(4)
    read(column, store)
    column.turn(1)
    read(column, store)
    assert ids(column) == ["r0"]
    store.delete(["r0"])
    read(column, store)
    assert (ids(column), column.selected, column.number) == (["r3", "r2", "r1"], "r1", 1)


def test_an_empty_column_selects_nothing() -> None:
    column = Column("Completed", COMPLETED)
    read(column, store_of(0))
    assert (column.selected, column.run) == (None, None)
    assert not column.move(1)
    assert not column.move(-1)


def test_a_search_that_was_broken_off_leaves_its_page_where_it_is() -> None:
    column = Column("Completed", COMPLETED)
    column.show(Page((), Cursor(0, 5), searched=2000))
    assert column.turn(1)
    assert not column.show(Page((), Cursor(0, 3), searched=2000))
    assert column.number == 2


@given(st.lists(st.sampled_from(["down", "up", "next", "back", "new", "delete"]), max_size=30))
def test_whatever_happens_a_run_of_the_page_is_selected(steps: list[str]) -> None:
    column, store = Column("Completed", COMPLETED), store_of(5)
    read(column, store)
    moves = {"down": column.move, "up": column.move, "next": column.turn, "back": column.turn}
    for number, step in enumerate(steps):
        if step in moves:
            moves[step](1 if step in {"down", "next"} else -1)
        elif step == "new":
            store.restore([ended(f"n{number}", created_at=100.0 + number)])
        elif column.selected is not None:
            store.delete([column.selected])
        read(column, store)
        assert len(column.page.runs) <= 3
        assert (column.selected in ids(column)) is bool(column.page.runs)
        assert column.run is None or column.run.id == column.selected
