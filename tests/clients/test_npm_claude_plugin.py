"""The plugin of this repository in Claude Code: installed, its server up, its commands at work."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from codexmcp.testing import ScriptedModel, ShellCall, Text
from scripts.manifests import PLUGIN_FOLDER
from tests.clients.messages_api import QUIET, ToolUse, messages_api
from tests.clients.user import User
from tests.support.builds import CHECKOUT
from tests.support.documented import commands

PAGE = CHECKOUT / "docs" / "how-to" / "claude-plugin.md"
TOOLS = "mcp__plugin_codexmcp_codex"
"""The first part of the names that Claude Code gives to the tools of the plugin."""

PARTS = ["approvals", "delegate", "review", "run", "status"]


async def install(user: User) -> None:
    """Run the commands of the documentation, from outside of the checkout."""
    add, plugin = (each for each in commands(PAGE) if each.startswith("claude "))
    assert add.endswith(" ./")
    (await user.run([*add.split()[:-1], str(CHECKOUT)], **QUIET)).worked()
    (await user.run(plugin.split(), **QUIET)).worked()


@pytest.mark.parametrize("folder", [".", PLUGIN_FOLDER])
async def test_claude_code_finds_nothing_to_warn_of(claude_user: User, folder: str) -> None:
    check = ["claude", "plugin", "validate", "--strict", str(CHECKOUT / folder)]
    (await claude_user.run(check, **QUIET)).worked()


async def test_the_commands_of_the_documentation_install_it(claude_user: User) -> None:
    await install(claude_user)
    listed = (await claude_user.run(["claude", "plugin", "list", "--json"], **QUIET)).worked()
    found = json.loads(listed.out)
    (plugin,) = [each for each in found if not each["id"].endswith("@builtin")]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    assert plugin["id"] == "codexmcp@codexmcp"
    assert plugin["enabled"] is True
    assert plugin["version"] == project["version"]
    details = ["claude", "plugin", "details", "codexmcp"]
    shown = (await claude_user.run(details, **QUIET)).worked().out
    assert f"Skills ({len(PARTS)})  {', '.join(PARTS)}" in shown
    servers = (await claude_user.run(["claude", "mcp", "list"], **QUIET)).worked().out
    assert "plugin:codexmcp:codex: codexmcp mcp-server --shared - ✔ Connected" in servers
    await claude_user.run(["codexmcp", "serve", "--stop"])


async def test_its_command_has_codex_do_the_work_in_the_background(claude_user: User) -> None:
    await install(claude_user)
    requests: list[str] = []
    start: ToolUse = (f"{TOOLS}__codex_run", {"prompt": "inner prompt"})
    ask = ["claude", "--print", "/codexmcp:run build a page", "--allowedTools", TOOLS]
    ask += ["--output-format", "stream-json", "--verbose"]
    async with ScriptedModel([ShellCall("echo hello > index.html"), Text("inner answer")]) as model:
        claude_user.reach(model)
        with messages_api([start, waits, "outer answer"], requests.append) as base_url:
            variables = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": base_url}
            ran = (await claude_user.run(ask, **QUIET, **variables)).worked()
        assert (await claude_user.run(["codexmcp", "serve", "--stop"])).code == 0
    events: list[dict[str, Any]] = [json.loads(line) for line in ran.out.splitlines()]
    begun = next(each for each in events if each.get("subtype") == "init")
    assert {f"codexmcp:{part}" for part in PARTS} <= {*begun["slash_commands"], *begun["skills"]}
    assert "plugin:codexmcp:codex" in {each["name"] for each in begun["mcp_servers"]}
    assert events[-1]["result"] == "outer answer"
    assert "Delegate this task to Codex" in requests[0]
    assert "build a page" in requests[0]
    assert "inner answer" in requests[-1]
    assert (claude_user.folder / "index.html").read_text() == "hello\n"


def waits(result: str) -> ToolUse:
    """Wait for the run that the command has started."""
    return f"{TOOLS}__codex_wait", {"run_id": json.loads(result)["runId"]}


async def test_a_command_may_read_and_asks_before_it_starts_a_run(claude_user: User) -> None:
    await install(claude_user)
    read: ToolUse = (f"{TOOLS}__codex_runs", {})
    start: ToolUse = (f"{TOOLS}__codex_run", {"prompt": "inner prompt"})
    ask = ["claude", "--print", "/codexmcp:status", "--output-format", "json"]
    async with ScriptedModel([]) as model:
        claude_user.reach(model)
        with messages_api([read, start, "done"]) as base_url:
            variables = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": base_url}
            ran = (await claude_user.run(ask, **QUIET, **variables)).worked()
        await claude_user.run(["codexmcp", "serve", "--stop"])
    denied = json.loads(ran.out)["permission_denials"]
    assert [each["tool_name"] for each in denied] == [start[0]]
