"""Reading a file of events while others write, tear, cut, replace and delete it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codexmcp.codex.reverse_lines import MAX_LINE_BYTES
from codexmcp.runs.audit.following import EventFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[EventFile]:
    with contextlib.closing(EventFile(tmp_path, "r")) as file:
        yield file


def append(file: EventFile, data: bytes) -> None:
    with file.path.open("ab") as writer:
        writer.write(data)


def test_lines_come_once_and_only_when_they_are_whole(file: EventFile) -> None:
    append(file, b"one\ntw")
    assert list(file.new_lines()) == [b"one"]
    assert list(file.new_lines()) == []
    append(file, b"o\n\nthree")
    assert list(file.new_lines()) == [b"two"]
    assert file.torn_line() == b"three"


def test_a_file_that_is_not_there_yet_is_waited_for(file: EventFile) -> None:
    assert list(file.new_lines()) == []
    assert not file.was_seen
    append(file, b"one\n")
    assert list(file.new_lines()) == [b"one"]
    assert file.was_seen


def test_a_file_that_was_cut_is_read_from_its_beginning(file: EventFile) -> None:
    append(file, b"one\ntwo\nthr")
    assert list(file.new_lines()) == [b"one", b"two"]
    file.path.write_bytes(b"new\n")
    assert list(file.new_lines()) == [b"new"]
    file.path.write_bytes(b"")
    assert list(file.new_lines()) == []


def test_a_file_that_was_replaced_is_read_from_its_beginning(file: EventFile) -> None:
    append(file, b"a long first line\nto")
    assert list(file.new_lines()) == [b"a long first line"]
    file.path.unlink()
    assert list(file.new_lines()) == []
    append(file, b"new\n")
    assert list(file.new_lines()) == [b"new"]


def test_a_line_without_end_is_passed_over_in_bounded_memory(file: EventFile) -> None:
    append(file, b"x" * (2 * MAX_LINE_BYTES))
    assert list(file.new_lines()) == []
    assert len(file.torn_line()) <= MAX_LINE_BYTES
    append(file, b"y\nnext\n")
    assert list(file.new_lines()) == [b"next"]


def test_a_link_in_the_place_of_the_file_is_not_followed(file: EventFile, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    file.path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        list(file.new_lines())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=9), max_size=8))
def test_however_a_file_grows_its_whole_lines_are_read(tmp_path: Path, pieces: list[bytes]) -> None:
    (tmp_path / "r.jsonl").write_bytes(b"")
    with contextlib.closing(EventFile(tmp_path, "r")) as file:
        read: list[bytes] = []
        for piece in pieces:
            append(file, piece)
            read += file.new_lines()
    whole = b"".join(pieces).split(b"\n")[:-1]
    assert read == [line for line in whole if line]
