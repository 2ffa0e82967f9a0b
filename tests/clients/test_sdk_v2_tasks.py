"""The MCP Python SDK at every door and in every mode, with an extension for tasks."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters

from codexmcp.testing import Text
from tests.clients.script import ASKED_COMMAND, asking
from tests.support.http_serving import serving
from tests.support.sdk_tasks import Tasks
from tests.support.supervision import BOUND_S, Station, station

if TYPE_CHECKING:
    from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult

MODERN = ["auto", "2026-07-28"]
ASKING: dict[str, Any] = {"sandbox": "read-only", "approval_policy": "on-request"}


@pytest.fixture
async def here(codex_home: Path) -> AsyncIterator[Station]:
    """A fresh Codex home."""
    async with station(codex_home) as made:
        yield made


@contextlib.asynccontextmanager
async def connected(here: Station, door: str, mode: str, tasks: Tasks) -> AsyncIterator[Client]:
    """Connect at a door: `private`, `shared` or `http`."""

    async def never(_context: object, _params: ElicitRequestParams) -> ElicitResult:
        raise AssertionError("a question of a task is no question of a call")

    options: dict[str, Any] = {"mode": mode, "extensions": [tasks], "elicitation_callback": never}
    async with asyncio.timeout(BOUND_S):
        if door == "http":
            async with serving(here) as server, server.client(**options) as client:
                yield client
        else:
            flags = ["--shared"] if door == "shared" else []
            args = ["-P", "-m", "codexmcp", "mcp-server", *flags]
            program = StdioServerParameters(
                command=sys.executable, args=args, env=here.env, cwd=here.project
            )
            async with Client(program, **options) as client:
                yield client


def fields(result: CallToolResult) -> dict[str, Any]:
    """Return the value for programs."""
    assert not result.is_error, result
    told: dict[str, Any] | None = result.structured_content
    assert told is not None
    return told


@pytest.mark.parametrize("mode", MODERN)
@pytest.mark.parametrize("door", ["shared", "http"])
async def test_a_call_is_a_task_whose_question_the_extension_answers(
    here: Station, door: str, mode: str
) -> None:
    here.model.on("ask", asking(), Text("it ran"))
    tasks = Tasks()
    async with connected(here, door, mode, tasks) as client:
        arguments = {"prompt": "ask", "cwd": str(here.project), **ASKING}
        run = fields(await client.call_tool("codex_run", arguments))
        assert client.protocol_version == "2026-07-28"
    assert tasks.ids == [run["runId"]]
    assert run["message"] == "it ran"
    assert ASKED_COMMAND in tasks.questions[0]
    assert (here.project / "allowed.txt").exists()


async def test_a_call_of_codex_is_a_task_of_a_shared_server(here: Station) -> None:
    tasks = Tasks()
    async with connected(here, "shared", "auto", tasks) as client:
        told = fields(await client.call_tool("codex", {"prompt": "work"}))
    assert told["content"] == "done: work"
    assert len(tasks.ids) == 1


@pytest.mark.parametrize("door", ["shared", "http"])
async def test_in_an_older_version_there_are_no_tasks(here: Station, door: str) -> None:
    tasks = Tasks()
    async with connected(here, door, "legacy", tasks) as client:
        handle = fields(await client.call_tool("codex_run", {"prompt": "work"}))
        told = fields(await client.call_tool("codex_wait", {"run_id": handle["runId"]}))
        assert client.protocol_version == "2025-11-25"
    assert told["message"] == "done: work"
    assert tasks.ids == []


@pytest.mark.parametrize("mode", [*MODERN, "legacy"])
async def test_a_server_without_runs_answers_the_call(here: Station, mode: str) -> None:
    tasks = Tasks()
    async with connected(here, "private", mode, tasks) as client:
        told = fields(await client.call_tool("codex", {"prompt": "work"}))
    assert told["content"] == "done: work"
    assert tasks.ids == []
