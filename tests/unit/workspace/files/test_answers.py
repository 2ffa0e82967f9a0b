"""What the tools' answers are made of."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.files.answers import cursor_of, moment, names_of, shown

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
