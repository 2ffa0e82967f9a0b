"""Cutting text into pieces, and telling what is no text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.reading import decoded, whole_characters
from codexmcp.workspace.paths.locations import Location, Root

PLACE = Location(Root("/r", "/r", is_first=True), ("file",))


@given(st.text(max_size=30), st.integers(4, 12))
def test_pieces_of_text_put_together_are_the_text(text: str, limit_bytes: int) -> None:
    data = text.encode()
    offset = 0
    pieces = []
    while offset < len(data):
        piece = data[offset : offset + limit_bytes]
        has_after = offset + len(piece) < len(data)
        kept = whole_characters(piece, has_before=offset > 0, has_after=has_after)
        assert kept.start == 0
        assert kept.stop > 0
        pieces.append(piece[kept].decode())
        offset += kept.stop
    assert "".join(pieces) == text


@given(st.text(min_size=1, max_size=10), st.data())
def test_a_piece_from_anywhere_in_a_text_is_text(text: str, data: st.DataObject) -> None:
    whole = text.encode()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    piece = whole[start:stop]
    kept = whole_characters(piece, has_before=start > 0, has_after=stop < len(whole))
    assert piece[kept].decode() in text


@given(st.binary(max_size=12), st.tuples(st.booleans(), st.booleans()))
def test_of_anything_at_most_three_bytes_are_cut_at_each_end(
    data: bytes, ends: tuple[bool, bool]
) -> None:
    kept = whole_characters(data, has_before=ends[0], has_after=ends[1])
    assert 0 <= kept.start <= 3
    assert kept.start <= kept.stop <= len(data) <= kept.stop + 3


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"ab\0c", "NUL byte at 12"),
        (b"ab\xff", "byte 0xff at 12"),
        ("Grüße".encode("latin-1"), "byte 0xfc at 12"),
        (b"\xed\xa0\x80", "byte 0xed at 10"),
    ],
)
def test_what_is_no_text_is_told_with_its_place(data: bytes, word: str) -> None:
    with pytest.raises(WorkspaceError, match=word):
        decoded(data, PLACE, 10)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_text_in_utf_16_is_not_called_text(encoding: str) -> None:
    with pytest.raises(WorkspaceError, match="UTF-16" if encoding == "utf-16" else "NUL"):
        decoded("hello".encode(encoding), PLACE)


def test_a_byte_order_mark_of_utf_8_stays() -> None:
    assert decoded(b"\xef\xbb\xbfa", PLACE) == "\ufeffa"
