from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ProtocolError
from codexmcp.jsonrpc.framing import LineBuffer

BOUND_BYTES = 8


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return `data` in pieces that end at the given places."""
    places = [0, *sorted(place % (len(data) + 1) for place in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


def lines_of(pieces: list[bytes]) -> list[bytes] | None:
    """Return the lines in the pieces; None when the bound was broken."""
    buffer = LineBuffer(BOUND_BYTES)
    try:
        return [line for piece in pieces for line in buffer.feed(piece)]
    except ProtocolError:
        return None


def expected_lines(data: bytes) -> list[bytes] | None:
    every = data.split(b"\n")
    return None if any(len(line) > BOUND_BYTES for line in every) else every[:-1]


@given(
    data=st.lists(st.sampled_from([b"\n", b"a", b"\r", b"\xff", b"bcd"]), max_size=40).map(
        b"".join
    ),
    cuts=st.lists(st.integers(0, 1000), max_size=10),
)
def test_the_lines_and_the_bound_do_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    assert lines_of(cut(data, cuts)) == expected_lines(data)


def test_a_line_as_long_as_the_bound_is_accepted() -> None:
    assert LineBuffer(4).feed(b"abcd\nefgh\n") == [b"abcd", b"efgh"]


@pytest.mark.parametrize("chunk", [b"abcde", b"abcde\n", b"ok\nabcde\nok\n", b"ok\nabcde"])
def test_a_line_beyond_the_bound_is_refused_wherever_it_lies_in_a_chunk(chunk: bytes) -> None:
    with pytest.raises(ProtocolError, match="longer than 4 bytes"):
        LineBuffer(4).feed(chunk)


def test_a_line_without_end_is_refused_before_it_is_all_held() -> None:
    buffer = LineBuffer(1000)
    for _ in range(10):
        assert buffer.feed(b"x" * 100) == []
    with pytest.raises(ProtocolError):
        buffer.feed(b"x")


def test_the_bound_holds_for_each_line_and_not_for_their_sum() -> None:
    buffer = LineBuffer(4)
    assert [buffer.feed(b"abc\n") for _ in range(100)] == [[b"abc"]] * 100


def test_a_huge_line_in_small_chunks_costs_no_more_than_its_length() -> None:
    # Copying what is held at every feed would move 34 GB here, which takes seconds; joining once
    # takes 10 ms. CPU time, because the machine may be busy.
    chunk, count = b"x" * 4096, 4096
    buffer = LineBuffer(len(chunk) * count)
    began_s = time.process_time()
    for _ in range(count):
        assert buffer.feed(chunk) == []
    (line,) = buffer.feed(b"\n")
    assert time.process_time() - began_s < 0.5
    assert len(line) == len(chunk) * count


def test_a_line_fed_byte_by_byte_is_the_same_line() -> None:
    buffer = LineBuffer()
    text = b"0123456789" * 1000
    assert [line for byte in text for line in buffer.feed(bytes([byte]))] == []
    assert buffer.feed(b"\n") == [text]
