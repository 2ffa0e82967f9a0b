"""What is left when `codexmcp sync` is killed, or runs twice at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codexmcp.errors import DeadlineError
from codexmcp.home.applying import locked
from codexmcp.home.sync.repository import SKILLS
from tests.support.builds import CHECKOUT
from tests.support.sync_places import OWNER, Sync, fill, tree

BOUND_S = 60


def test_a_kill_before_any_write_leaves_old_or_new_and_another_run_finishes(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.sync_killer", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    assert done.stdout == f"{last}\n"
    counts = [int(word) for word in last.split() if word.isdecimal()]
    assert len(counts) == 3
    assert min(counts) > 10


def _start(sync: Sync, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "codexmcp", "sync", *words, "--repo", str(sync.repository)],
        env={**os.environ, "CODEX_HOME": str(sync.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_pushes_at_once_both_come_out_in_sync(tmp_path: Path) -> None:
    sync = Sync(tmp_path)
    fill(sync.home, OWNER)
    fill(sync.repository, {f"{SKILLS}/s{n}/SKILL.md": f"skill {n}\n" for n in range(100)})
    before = tree(sync.home)
    pushes = [_start(sync, "push-runtime", "--no-check") for _ in range(3)]
    for push in pushes:
        _, told = push.communicate(timeout=BOUND_S)
        assert push.returncode == 0, told
    assert sync.drift() == {}
    sync.clean()
    assert tree(sync.home) == before


def test_pushing_and_cleaning_at_once_ends_with_all_or_nothing(tmp_path: Path) -> None:
    sync = Sync(tmp_path)
    fill(sync.home, OWNER)
    before = tree(sync.home)
    sync.push()
    pair = [
        _start(sync, "clean-runtime", "--no-redeploy", "--no-check"),
        _start(sync, "push-runtime", "--no-check"),
    ]
    for each in pair:
        _, told = each.communicate(timeout=BOUND_S)
        assert each.returncode == 0, told
    assert tree(sync.home) == before or sync.drift() == {}
    sync.clean()
    assert tree(sync.home) == before


def test_a_second_sync_waits_for_the_first_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        locked(tmp_path),
        pytest.raises(DeadlineError, match="another codexmcp command"),
        locked(tmp_path, timeout_s=0.1),
    ):
        pass
