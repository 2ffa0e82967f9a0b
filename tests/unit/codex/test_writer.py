from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.codex.writer import holder_of, holders, writer_lock

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")

# From Linux 6.1, with a waiter added.
LOCKS = """\
1: POSIX  ADVISORY  READ  611 fe:00:4242 128 128
2: FLOCK  ADVISORY  WRITE 29286 fe:00:5489940 0 EOF
2: -> FLOCK  ADVISORY  WRITE 31000 fe:00:5489940 0 EOF
3: FLOCK  ADVISORY  READ  700 fe:00:5489941 0 EOF
4: FLOCK  ADVISORY  WRITE 0 fe:00:5489942 0 EOF
5: OFDLCK ADVISORY  WRITE -1 fe:00:5489943 0 EOF
"""


@pytest.mark.parametrize(
    ("inode", "found"),
    [
        (5489940, [(29286, "fe:00")]),
        (548994, []),
        (4242, []),
        (5489941, []),
        # The holder lives in another process namespace.
        (5489942, []),
        (5489943, []),
    ],
)
def test_only_who_holds_an_exclusive_flock_is_a_holder(
    inode: int, found: list[tuple[int, str]]
) -> None:
    assert list(holders(LOCKS, inode)) == found


@given(st.text())
def test_a_text_that_is_no_list_of_locks_names_nobody(text: str) -> None:
    assert list(holders(text, 5489940)) == []


def test_a_thread_that_is_not_loaded_has_no_writer(tmp_path: Path) -> None:
    assert holder_of(tmp_path, "01a1") is None


def test_a_lock_file_that_a_killed_writer_left_has_no_holder(tmp_path: Path) -> None:
    lock = writer_lock(tmp_path, "01a1")
    lock.parent.mkdir()
    lock.touch()
    assert holder_of(tmp_path, "01a1") is None


@LINUX
def test_the_process_that_holds_the_lock_is_found(tmp_path: Path) -> None:
    lock = writer_lock(tmp_path, "01a1")
    lock.parent.mkdir()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder_of(tmp_path, "01a1") == os.getpid()
    assert holder_of(tmp_path, "01a1") is None
