"""What the tools' answers are made of."""

from __future__ import annotations

import datetime as dt
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.files.answers import cursor_of, listing, moment, names_of, shown
from codexmcp.workspace.files.listing import ListedEntry
from codexmcp.workspace.paths.locations import Location, Root

_NAMES = st.lists(
    st.binary(min_size=1, max_size=8).filter(lambda name: not {0, 47} & set(name)).map(os.fsdecode),
    max_size=4,
)


@given(_NAMES)
def test_a_cursor_tells_any_names_again(names: list[str]) -> None:
    cursor = cursor_of(names)
    assert cursor.isascii()
    assert names_of(cursor) == tuple(names)


@given(_NAMES)
def test_any_name_is_shown_as_valid_unicode(names: list[str]) -> None:
    for name in names:
        shown(name).encode()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_269_661.9, "2026-11-21T14:01:01Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1e300, "9999-12-31T23:59:59Z"),
        (-1e300, "0001-01-01T00:00:00Z"),
    ],
    ids=["zero", "now", "before", "too late", "too early"],
)
def test_a_time_is_told_in_utc_to_the_second(seconds: float, text: str) -> None:
    assert moment(seconds) == text


@given(st.integers(-62135596800, 253402300799))
def test_any_second_is_told_as_the_calendar_has_it(second: int) -> None:
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=second)
    assert moment(second) == at.isoformat().replace("+00:00", "Z")


@given(_NAMES.filter(bool), st.none() | st.integers(0))
def test_an_entry_tells_its_name_and_whether_that_can_be_given_back(
    names: list[str], size_bytes: int | None
) -> None:
    place = Location(Root("/r", "/r", is_first=True), ())
    entry = ListedEntry(tuple(names), "file", size_bytes, 0.0)
    (told,) = listing(place, [entry], is_more=False)["entries"]
    assert told["name"] == "/".join(map(shown, names))
    assert told.get("is_name_escaped", False) == any(name != shown(name) for name in names)
    assert told.get("size_bytes") == size_bytes
    assert None not in told.values()
