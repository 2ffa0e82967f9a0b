"""What is left of a file when its writer is killed, or its disk is full."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files import put
from tests.support.builds import CHECKOUT
from tests.support.workspace_tools import Tools, fill, tree

BOUND_S = 60


def _run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_kill_before_any_system_call_leaves_old_or_new(tmp_path: Path) -> None:
    told = _run(sys.executable, "-m", "tests.support.workspace_killer", str(tmp_path))
    last = told.splitlines()[-1]
    assert told == f"{last}\n"
    counts = [int(word) for word in last.split() if word.isdecimal()]
    assert len(counts) == 6
    assert min(counts) >= 5


def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path) -> None:
    own_mounts = ("unshare", "--user", "--map-root-user", "--mount")
    _run(*own_mounts, sys.executable, "-m", "tests.support.workspace_full", str(tmp_path))


async def test_a_file_beyond_the_limit_of_the_process_is_told_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    root = fill(tmp_path / "root", {"file": "small"})
    before = tree(root)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        for path in ("file", "new"):
            with pytest.raises(WorkspaceError, match="larger than files may be here"):
                await Tools(root)("write", path=path, content="x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert tree(root) == before


async def test_what_another_changes_during_an_edit_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "root", {"file": "one two", "same": "one two"})
    tools = Tools(root)
    changes = {
        "file": lambda: (root / "file").write_text("theirs one"),
        "same": lambda: _replaced(root / "same", "one two"),
    }
    for path, change in changes.items():
        monkeypatch.setattr(put, "_make_like", lambda *_, change=change: change())
        with pytest.raises(WorkspaceError, match="changed by another program"):
            await tools("replace", path=path, old_text="one", new_text="1")
    assert (root / "file").read_text() == "theirs one"
    assert (root / "same").read_text() == "one two"
    assert sorted(tree(root)) == ["file", "same"]


async def test_of_two_edits_that_look_at_a_file_at_the_same_moment_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = fill(tmp_path / "root", {"file": "one two"})
    tools = Tools(root)
    real = put._refuse_changed
    both = threading.Barrier(2)

    def look(*arguments: Any) -> None:
        real(*arguments)
        # Whoever has looked gives the other the time to look, too.
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.5)

    monkeypatch.setattr(put, "_refuse_changed", look)
    done = await asyncio.gather(
        tools("replace", path="file", old_text="one", new_text="1"),
        tools("replace", path="file", old_text="two", new_text="2"),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, WorkspaceError) for each in done) == [False, True]
    assert (root / "file").read_text() in {"1 two", "one 2"}


def _replaced(path: Path, text: str) -> None:
    other = path.with_name("other")
    other.write_text(text)
    other.replace(path)
