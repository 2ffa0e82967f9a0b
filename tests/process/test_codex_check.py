"""`codexmcp codex check` as a user runs it: real builds, and builds with planted breaks."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.contract import contract
from tests.support.builds import codex_build, pinned_codex
from tests.support.doctored_codex import Planted, doctored
from tests.support.processes import processes_of, until
from tests.support.real_app_server import environment

BOUND_S = 100.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("codexmcp-*"))


async def ran(folder: Path, *args: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, stdout and stderr, once no process is left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "codexmcp", "codex", "check", *args),
        cwd=folder,
        env={**environment(folder), "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(BOUND_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    await until(lambda: not processes_of(folder), "every process is gone")
    assert leftovers(folder) == []
    return process.returncode, out.decode(), err.decode()


async def report(folder: Path, codex: Path) -> tuple[int, dict[str, Any]]:
    code, out, err = await ran(folder, "--json", "--bin", str(codex))
    assert out, err
    told: dict[str, Any] = json.loads(out)
    assert told["ok"] == (code == 0)
    return code, told


def places(told: dict[str, Any], kind: str) -> set[str]:
    return {each["where"] for each in told[kind]}


@pytest.mark.parametrize("version", contract().tested)
async def test_each_tested_build_fits(version: str, home: Path) -> None:
    code, told = await report(home, codex_build(version))
    assert (code, told["verdict"]) == (0, "fits"), told
    assert (told["version"], told["breaks"], told["news"]) == (version, [], [])
    assert [each["name"] for each in told["steps"]] == [
        *("schema", "handshake", "turn", "interrupt", "resume", "tree", "attach"),
    ]


async def test_a_break_of_the_schema_is_named(tmp_path: Path, home: Path) -> None:
    schema = {"turn/steer": "turn/guide", "agentThreadId": "agentId", "sleep": "nap"}
    build = doctored(pinned_codex(), tmp_path, Planted(schema=schema))
    code, told = await report(home, build)
    assert (code, told["verdict"]) == (1, "broken")
    assert places(told, "breaks") == {
        *("turn/steer", "item subAgentActivity agentThreadId", "item sleep"),
    }
    assert "nap" in places(told, "news")
    assert [each["ok"] for each in told["steps"]] == [False, *[True] * 6]


async def test_a_break_of_the_messages_is_named(tmp_path: Path, home: Path) -> None:
    planted = Planted(
        renamed={"status": "state"},
        renamed_in=("turn/completed",),
        dropped=("thread/tokenUsage/updated",),
        refused=("turn/interrupt",),
    )
    build = doctored(pinned_codex(), tmp_path, planted)
    code, told = await report(home, build)
    assert (code, told["verdict"]) == (1, "broken")
    assert {"turn/completed turn.status", "turn/interrupt"} <= places(told, "breaks")
    assert [each["name"] for each in told["steps"] if each["ok"]][:2] == ["schema", "handshake"]


async def test_a_notification_that_never_comes_is_named(tmp_path: Path, home: Path) -> None:
    planted = Planted(dropped=("thread/tokenUsage/updated",))
    build = doctored(pinned_codex(), tmp_path, planted)
    code, out, _ = await ran(home, "--bin", str(build))
    assert code == 1
    assert "break: thread/tokenUsage/updated: was not received in the step turn" in out
    assert "broken at thread/tokenUsage/updated; newest tested build:" in out
    assert "use a tested build (" in out


async def test_a_new_item_is_news_and_the_build_fits(tmp_path: Path, home: Path) -> None:
    # An item without an event takes the name of a new one.
    build = doctored(pinned_codex(), tmp_path, Planted(schema={"plan": "aNew"}))
    code, told = await report(home, build)
    assert (code, told["verdict"], told["breaks"]) == (0, "fits with news", [])
    assert {"aNew"} <= places(told, "news")


async def test_a_program_that_is_no_codex_is_refused_with_a_remedy(home: Path) -> None:
    code, out, err = await ran(home, "--bin", "/bin/true")
    assert (code, out) == (78, "")
    assert "generates no schema of app-server" in err
    assert "name a Codex binary of 0.153.4 or later" in err
