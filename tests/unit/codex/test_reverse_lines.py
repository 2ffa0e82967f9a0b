from __future__ import annotations

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.codex.reverse_lines import MAX_LINE_BYTES, reversed_lines


def _read(data: bytes, block_bytes: int) -> list[bytes]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return list(reversed_lines(file.fileno(), block_bytes=block_bytes))


@given(st.lists(st.binary(max_size=12)), st.integers(1, 20), st.sampled_from([b"", b"\n"]))
def test_lines_come_as_they_are_in_reverse(
    parts: list[bytes], block_bytes: int, end: bytes
) -> None:
    data = b"\n".join(parts) + end
    assert _read(data, block_bytes) == [line for line in data.split(b"\n") if line][::-1]


def test_a_line_without_end_is_passed_over_in_bounded_memory() -> None:
    assert _read(b"first\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\nlast\n", 1 << 16) == [
        b"last",
        b"first",
    ]


def test_what_is_appended_meanwhile_is_not_seen(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "f")  # noqa: PTH118 - only the descriptor matters
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b"a\nb\n")
    lines = reversed_lines(descriptor, block_bytes=2)
    assert next(lines) == b"b"
    os.write(descriptor, b"c\n")
    assert list(lines) == [b"a"]
    os.close(descriptor)
