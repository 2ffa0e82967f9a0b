"""Commands that Codex was just starting when their turn was stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from codexmcp.codex import stopping
from codexmcp.codex.stopping import end_stragglers
from tests.support.processes import is_alive, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@contextlib.contextmanager
def codex(script: str, helper: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a shell that stands for Codex: each child of it is a command of a thread."""
    helper.symlink_to("/bin/sh")
    env = {"PATH": os.defpath, "H": str(helper)}
    process = subprocess.Popen(
        ["/bin/sh", "-c", script], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        yield process
        process.kill()


def started(process: subprocess.Popen[bytes], count: int) -> list[int]:
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)]


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def server(process: subprocess.Popen[bytes], *busy: str) -> Any:
    agents = SimpleNamespace(turn=lambda thread_id: "turn" if thread_id in busy else None)
    made = SimpleNamespace(pid=process.pid, closed=asyncio.Event(), agents=agents)
    made.siblings = (made,)
    return made


COMMANDS = """
CODEX_THREAD_ID=stopped sleep 60 & echo $!
CODEX_THREAD_ID=again sleep 60 & echo $!
CODEX_THREAD_ID=other sleep 60 & echo $!
read _
"""

HANGS = """
CODEX_THREAD_ID=stopped "$H" -c 'echo $$; read _; :' <&0 & wait
"""

LATE = """
echo $$
sleep 0.1
CODEX_THREAD_ID=stopped "$H" -c 'sleep 60 & echo $! >&3; wait; :' 3>&1 & echo $!
read _
"""


async def test_only_commands_of_threads_that_were_stopped_and_rest_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "STRAGGLERS_S", (0.01,))
    with codex(COMMANDS, tmp_path / "codex-linux-sandbox") as process:
        pids = started(process, 3)
        await until(lambda: all(b"THREAD" in environment(pid) for pid in pids), "the commands")
        await end_stragglers(server(process, "again"), ["stopped", "again"])
        await until(lambda: not is_alive(pids[0]), "the end of the command")
        assert is_alive(pids[1])
        assert is_alive(pids[2])


async def test_a_sandboxed_command_that_begins_after_the_stop_is_ended(tmp_path: Path) -> None:
    with codex(LATE, tmp_path / "codex-linux-sandbox") as process:
        started(process, 1)
        await end_stragglers(server(process), ["stopped"])
        pids = started(process, 2)
        await until(lambda: not any(map(is_alive, pids)), "the end of the command")


KILLED = """
(sleep 0.1; CODEX_THREAD_ID=stopped exec sleep 60) & echo $!
read _
"""


async def test_a_command_that_begins_after_the_death_of_codex_is_ended(tmp_path: Path) -> None:
    with codex(KILLED, tmp_path / "codex-linux-sandbox") as process:
        (pid,) = started(process, 1)
        dead = server(process)
        process.kill()
        dead.closed.set()
        await end_stragglers(dead, ["stopped"])
        await until(lambda: not is_alive(pid), "the end of the command")


async def test_a_helper_that_hangs_without_a_command_is_ended(tmp_path: Path) -> None:
    with codex(HANGS, tmp_path / "codex-linux-sandbox") as process:
        (pid,) = started(process, 1)
        await end_stragglers(server(process), ["stopped"])
        await until(lambda: not is_alive(pid), "the end of the helper")
