"""MCP's TypeScript SDK, with its package for tasks."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codexmcp.testing import Text
from tests.clients.install import node, typescript_sdk
from tests.clients.script import ASKED_COMMAND, asking
from tests.support.ended import run_to_end
from tests.support.supervision import BOUND_S, Station, station

PROGRAM = Path(__file__).parent / "typescript_tasks.mjs"
SERVER = [sys.executable, "-P", "-m", "codexmcp", "mcp-server"]


@pytest.fixture
async def here(codex_home: Path) -> AsyncIterator[Station]:
    """A fresh Codex home."""
    async with station(codex_home) as made:
        yield made


async def called(
    here: Station, folder: Path, mode: str, tool: str, arguments: dict[str, Any], *flags: str
) -> dict[str, Any]:
    """Call a tool by the program beside this file, and return what it tells."""
    modules = await asyncio.to_thread(typescript_sdk)
    program = await asyncio.to_thread(node)
    # Node looks for packages beside the program.
    (folder / "node_modules").symlink_to(modules)
    script = shutil.copy(PROGRAM, folder)
    words = [mode, tool, json.dumps(arguments), *SERVER, *flags]
    command = [str(program), str(script), *words]
    ended = await run_to_end(command, here.env, cwd=here.project, bound_s=BOUND_S)
    assert ended.code == 0, ended
    told: dict[str, Any] = json.loads(ended.out)
    return told


async def test_a_call_is_a_task_whose_question_the_program_answers(
    here: Station, tmp_path: Path
) -> None:
    here.model.on("ask", asking(), Text("it ran"))
    asked = {"cwd": str(here.project), "sandbox": "read-only", "approval_policy": "on-request"}
    arguments = {"prompt": "ask", **asked}
    told = await called(here, tmp_path, "auto", "codex_run", arguments, "--shared")
    assert told["protocolVersion"] == "2026-07-28"
    assert {"tools/call", "tasks/get", "tasks/update"} <= set(told["sent"])
    (question,) = told["questions"]
    assert ASKED_COMMAND in question
    assert told["result"]["structuredContent"]["message"] == "it ran"
    assert (here.project / "allowed.txt").exists()


async def test_in_an_older_version_the_call_is_answered_by_a_handle(
    here: Station, tmp_path: Path
) -> None:
    told = await called(here, tmp_path, "legacy", "codex_run", {"prompt": "work"}, "--shared")
    assert told["protocolVersion"] == "2025-11-25"
    assert told["sent"] == []
    assert "runId" in told["result"]["structuredContent"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_server_without_runs_answers_the_call(
    here: Station, tmp_path: Path, mode: str
) -> None:
    told = await called(here, tmp_path, mode, "codex", {"prompt": "work"})
    assert told["result"]["structuredContent"]["content"] == "done: work"
