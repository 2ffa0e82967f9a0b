"""Configuration for clients that cannot be run here: that it starts our server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from codexmcp.testing import ScriptedModel, Text
from tests.clients.page import block
from tests.clients.user import BOUND_S, User
from tests.support.mcp_server import configure


@pytest.mark.parametrize(
    ("heading", "key"),
    [("Claude Code", "mcpServers"), ("Cursor", "mcpServers"), ("VS Code", "servers")],
)
async def test_the_server_of_a_configuration_starts(as_user: User, heading: str, key: str) -> None:
    servers: dict[str, dict[str, Any]] = json.loads(block(heading, "json"))[key]
    ((name, server),) = servers.items()
    assert name == "codex"
    assert server.get("type", "stdio") == "stdio"
    params = StdioServerParameters(command=server["command"], args=server["args"])
    async with asyncio.timeout(BOUND_S), Client(params) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["codex", "codex-reply"]


async def test_a_codex_home_of_ones_own_is_named_in_the_configuration(
    as_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(as_user.folder / "missing"))
    command = StdioServerParameters(command="codexmcp", args=["mcp-server"])
    elsewhere = as_user.folder / "elsewhere"
    elsewhere.mkdir()
    named = command.model_copy(update={"env": {"CODEX_HOME": str(elsewhere)}})
    async with ScriptedModel([Text("hello")] * 2) as model, asyncio.timeout(BOUND_S):
        as_user.reach(model)
        configure(elsewhere, model)
        for server, home in ((command, as_user.codex_home), (named, elsewhere)):
            async with Client(server) as client:
                result = await client.call_tool("codex", {"prompt": "x"})
            assert not result.is_error
            assert (home / "sessions").is_dir()
