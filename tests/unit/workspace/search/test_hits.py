"""Reading ripgrep's output."""

from __future__ import annotations

import base64
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.workspace.search.hits import MAX_SHOWN_BYTES, Hit, Hits, hit_of


def _line(path: Any, text: Any, line: Any = 1, offset: Any = 0, start: int = 0) -> bytes:
    submatches = [{"match": {"text": ""}, "start": start, "end": start}]
    data = {
        "path": path,
        "lines": text,
        "line_number": line,
        "absolute_offset": offset,
        "submatches": submatches,
    }
    return json.dumps({"type": "match", "data": data}, separators=(",", ":")).encode()


def _encoded(data: bytes) -> dict[str, str]:
    return {"bytes": base64.b64encode(data).decode()}


def test_a_match_is_read_with_its_place() -> None:
    line = _line({"text": "./a.py"}, {"text": "hällo\n"}, line=3, offset=20, start=1)
    assert hit_of(line) == Hit(b"./a.py", 3, 20, 1, "hällo\n".encode())


def test_bytes_that_are_no_text_come_through() -> None:
    assert hit_of(_line(_encoded(b"./\xff"), _encoded(b"\xfe\n"))) == Hit(
        b"./\xff", 1, 0, 0, b"\xfe\n"
    )


@given(st.text(max_size=20), st.integers(0, 100), st.integers(0, 2000))
def test_of_a_line_only_the_part_around_the_match_is_held(piece: str, count: int, at: int) -> None:
    text = piece * count
    whole = text.encode()
    start = len(text[:at].encode())
    hit = hit_of(_line({"text": "./a"}, {"text": text}, start=start))
    assert hit is not None
    stop = hit.skipped_bytes + len(hit.data)
    assert len(hit.data) <= MAX_SHOWN_BYTES
    assert hit.data == whole[hit.skipped_bytes : stop]
    assert hit.data.decode() in text
    assert hit.skipped_bytes <= start <= stop
    assert hit.is_whole == (hit.data == whole)


def test_many_hits_in_long_lines_take_little_memory() -> None:
    line = _line({"text": "./a"}, {"text": "needle" + "x" * 3_000_000})
    hits = Hits()
    tracemalloc.start()
    try:
        found = [hit for _ in range(20) for hit in hits.feed(line + b"\n")]
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == 20
    assert held_bytes < 6_000_000


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"rg: something went wrong",
        b'{"type":"begin","data":{"path":{"text":"./a"}}}',
        b'{"type":"match"',
        b'{"type":"match","data":[]}',
        _line({}, {"text": "a"}),
        _line({"bytes": "!"}, {"text": "a"}),
        _line({"text": "a"}, {"text": "a"}, line=None),
        _line({"text": "a"}, {"text": "a"}, offset="1"),
    ],
    ids=range(9),
)
def test_what_is_no_match_is_passed_over(line: bytes) -> None:
    assert hit_of(line) is None


@given(st.lists(st.integers(0, 60), max_size=8), st.integers(1, 400))
def test_however_output_is_cut_the_same_lines_come_out(lengths: list[int], cut: int) -> None:
    lines = [_line({"text": str(length)}, {"text": "x" * length}) for length in lengths]
    output = b"".join(line + b"\n" for line in lines)
    bound = len(_line({"text": "30"}, {"text": "x" * 30}))
    hits = Hits(bound)
    found = []
    for start in range(0, len(output), cut):
        found += hits.feed(output[start : start + cut])
    kept = [line for line in lines if len(line) <= bound]
    assert found == [hit_of(line) for line in kept]
    assert hits.left_out == len(lines) - len(kept)


def test_of_a_line_without_end_no_more_than_the_bound_is_held() -> None:
    hits = Hits(100)
    for _ in range(1000):
        assert hits.feed(b"x" * 60) == []
        assert len(hits._held) <= 100
    assert hits.feed(b"\n" + _line({"text": "a"}, {"text": ""}, offset=1) + b"\n") == []
    assert hits.left_out == 2
