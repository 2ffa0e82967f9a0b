"""Finding the one place of a snippet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.writing import offset_of_unique
from codexmcp.workspace.paths.locations import Location, Root

PLACE = Location(Root("/r", "/r", is_first=True), ("file",))
_BYTES = st.binary(max_size=20).map(lambda data: bytes(b"ab\n"[byte % 3] for byte in data))


@given(_BYTES, _BYTES.filter(bool))
def test_a_place_is_given_exactly_when_there_is_one(data: bytes, snippet: bytes) -> None:
    places = [at for at in range(len(data)) if data[at:].startswith(snippet)]
    if len(places) == 1:
        assert offset_of_unique(snippet, data, PLACE) == places[0]
    else:
        with pytest.raises(WorkspaceError, match=f"occurs {len(places)} times in file"):
            offset_of_unique(snippet, data, PLACE)


def test_places_that_overlap_count_each() -> None:
    with pytest.raises(WorkspaceError, match="2 times"):
        offset_of_unique(b"aa", b"aaa", PLACE)


def test_counting_ends_at_some_point() -> None:
    with pytest.raises(WorkspaceError, match="at least 100 times"):
        offset_of_unique(b"a", b"a" * 1_000_000, PLACE)


@pytest.mark.parametrize(
    ("snippet", "data", "word"),
    [
        (b"a\nb", b"a\r\nb", r"its lines end with \\r\\n"),
        (b"a\r\nb", b"a\nb", r"its lines end with \\n"),
        (b"a  b", b"a b", "blanks included"),
    ],
)
def test_a_likely_cause_of_not_finding_it_is_told(snippet: bytes, data: bytes, word: str) -> None:
    with pytest.raises(WorkspaceError, match=word):
        offset_of_unique(snippet, data, PLACE)
