from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.appserver import orphans
from tests.support.processes import is_alive


async def test_a_process_is_reaped_only_when_it_is_seen_again_without_an_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 2 is a child of ours that was just forked: its owner is known a moment later.
    owners = iter([set[int](), {2}, {2}])
    reaped: list[int] = []
    done = asyncio.Event()

    def reap(pid: int, _options: int) -> tuple[int, int]:
        reaped.append(pid)
        done.set()
        return (pid, 0)

    monkeypatch.setattr(orphans, "REAP_INTERVAL_S", 0.001)
    monkeypatch.setattr(orphans, "end_lost_sandboxes", list[int])
    monkeypatch.setattr(orphans, "_children", lambda: {1, 2, 3})
    monkeypatch.setattr(orphans, "live_children", lambda: next(owners, {2}))
    monkeypatch.setattr(os, "waitpid", reap)
    reaping = asyncio.create_task(orphans._reap_for_ever({1}))
    await asyncio.wait_for(done.wait(), 5)
    reaping.cancel()
    await asyncio.wait({reaping})
    assert set(reaped) == {3}


@contextlib.contextmanager
def started(thread_id: str, *argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that says when it is there, as a command of a thread."""
    env = {"PATH": os.defpath, "CODEX_THREAD_ID": thread_id}
    process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    with process:
        yield process


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_helper_is_orphaned_when_no_codex_is_among_its_ancestors(tmp_path: Path) -> None:
    # The copied shell stands for Codex: its helper is the same program by another name. The shell
    # of the machine may be an ancestor of this process.
    codex = shutil.copy("/bin/sh", tmp_path / "codex")
    helper, elsewhere = (tmp_path / name / "codex-linux-sandbox" for name in ("home", "other"))
    for path in (helper, elsewhere):
        path.parent.mkdir()
        path.symlink_to(codex)
    script = "echo; read _; :"
    with (
        started("orphaned", str(helper), "-c", script),
        started("of-another-home", str(elsewhere), "-c", script),
        started("of-a-live-codex", str(codex), "-c", f"'{helper}' -c '{script}'; :"),
        started("inside", str(codex), "-c", f"timeout 60 '{helper}' -c '{script}'; :"),
    ):
        assert orphans.orphaned_threads(helper.parent) == {"orphaned"}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_only_what_a_stopped_thread_has_left_to_us_is_ended() -> None:
    script = ("/bin/sh", "-c", "echo; read _; :")
    with started("stopped", *script) as stopped, started("other", *script) as other:
        orphans.end_adopted(["stopped"])
        assert stopped.wait() == -signal.SIGKILL
        assert other.poll() is None


LEFT_INSIDE = """
import ctypes, os, sys
NEW_USER_AND_PID_NAMESPACE = 0x30000000
assert ctypes.CDLL(None).unshare(NEW_USER_AND_PID_NAMESPACE) == 0
inner = os.fork()
if inner:
    print(inner, flush=True)
    os._exit(0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Starts a program as the first process of a pid namespace, and leaves it behind."""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_only_sandboxes_without_their_outer_process_are_ended(tmp_path: Path) -> None:
    helper, bwrap, other = (tmp_path / name for name in ("codex-linux-sandbox", "bwrap", "sh"))
    for path in (helper, bwrap, other):
        path.symlink_to("/bin/sh")
    script = "echo; read _; :"
    inner = f"'{bwrap}' -c '{script}' --die-with-parent"
    argv = (sys.executable, "-c", LEFT_INSIDE, str(bwrap), "-c", "read _; :", "--die-with-parent")
    env = {"PATH": os.defpath, "CODEX_THREAD_ID": "lost"}
    with (
        subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as left,
        started("of-a-helper", str(helper), "-c", f"{inner}; :") as of_a_helper,
        started("of-codex", str(bwrap), "-c", script, "--die-with-parent") as of_codex,
        started("bare", str(bwrap), "-c", script) as bare,
        started("no-bubblewrap", str(other), "-c", script, "--die-with-parent") as no_bubblewrap,
    ):
        assert left.stdout is not None
        lost = int(left.stdout.readline())
        # A server of another test may have been faster.
        assert lost in orphans.end_lost_sandboxes() or not is_alive(lost)
        at_work = (of_a_helper, of_codex, bare, no_bubblewrap)
        assert [each.poll() for each in at_work] == [None] * 4


async def test_a_server_ends_what_another_has_left_of_sandboxes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swept = asyncio.Event()
    loop = asyncio.get_running_loop()

    def sweep() -> list[int]:
        loop.call_soon_threadsafe(swept.set)
        return []

    monkeypatch.setattr(orphans, "REAP_INTERVAL_S", 0.001)
    monkeypatch.setattr(orphans, "end_lost_sandboxes", sweep)
    async with asyncio.timeout(5), orphans.orphans_reaped():
        await swept.wait()
