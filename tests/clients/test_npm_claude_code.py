"""Claude Code: it registers our server, finds it healthy, and its model calls the tools.

Nothing of it needs a login, as its model is scripted as well.
"""

from __future__ import annotations

import json
from pathlib import Path

from codexmcp.testing import ScriptedModel, ShellCall, Step, Text
from tests.clients.messages_api import QUIET, ToolUse, messages_api
from tests.clients.page import block, commands
from tests.clients.user import User
from tests.support.gate import Gate

PAUSE = "pause-is-over"


async def test_the_command_of_the_documentation_adds_a_server_that_is_healthy(
    claude_user: User,
) -> None:
    (add,) = commands("Claude Code")
    (await claude_user.run(add, **QUIET)).worked()
    got = (await claude_user.run(["claude", "mcp", "get", "codex"], **QUIET)).worked()
    assert "Status: ✔ Connected" in got.out
    assert "Command: codexmcp" in got.out
    listed = (await claude_user.run(["claude", "mcp", "list"], **QUIET)).worked()
    assert "codex: codexmcp mcp-server" in listed.out
    assert "✔ Connected" in listed.out


async def test_the_file_of_the_documentation_says_the_same(claude_user: User) -> None:
    (add,) = commands("Claude Code")
    scope = add.index("add") + 1
    project = [*add[:scope], "--scope", "project", *add[scope:]]
    (await claude_user.run(project, **QUIET)).worked()
    written = json.loads((claude_user.folder / ".mcp.json").read_text())
    documented = json.loads(block("Claude Code", "json"))
    server, ours = (file["mcpServers"]["codex"] for file in (written, documented))
    assert (server["command"], server["args"]) == (ours["command"], ours["args"])


async def test_a_turn_of_its_model_calls_both_tools(claude_user: User) -> None:
    (add,) = commands("Claude Code")
    (await claude_user.run(add, **QUIET)).worked()
    ask = ["claude", "--print", "outer prompt", "--allowedTools", "mcp__codex"]
    call = ("mcp__codex__codex", {"prompt": "inner prompt"})
    codex: list[Step] = [
        ShellCall("echo hello > index.html"),
        Text("inner answer"),
        Text("second answer"),
    ]
    async with ScriptedModel(codex) as model:
        claude_user.reach(model)
        with messages_api([call, continues, "outer answer"]) as base_url:
            variables = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": base_url}
            ran = (await claude_user.run(ask, **QUIET, **variables)).worked()
        prompts = [request.turn.prompt for request in model.requests]
    assert ran.out == "outer answer\n"
    assert prompts == ["inner prompt", "inner prompt", "more about inner answer"]
    assert (claude_user.folder / "index.html").read_text() == "hello\n"


def continues(result: str) -> ToolUse:
    """Call the other tool, with the thread and the answer of the first."""
    first = json.loads(result)
    prompt = f"more about {first['content']}"
    return "mcp__codex__codex-reply", {"prompt": prompt, "threadId": first["threadId"]}


async def test_a_session_has_its_tools_while_the_supervisor_is_still_being_started(
    claude_user: User, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    add = ["claude", "mcp", "add", "codex", "--", "codexmcp", "mcp-server", "--shared"]
    (await claude_user.run(add, **QUIET)).worked()
    second: list[str] = []

    def on_request(body: str) -> None:
        if not second and PAUSE in body:
            second.append(body)
            gate.open()

    # It sends its first request after two seconds at the latest, also on a machine that needs more
    # than that to start a server.
    pause: ToolUse = ("Bash", {"command": f"sleep 5; echo {PAUSE[0]}${{x}}{PAUSE[1:]}"})
    call: ToolUse = ("mcp__codex__codex_run", {"prompt": "inner prompt", "wait_ms": 30_000})
    ask = ["claude", "--print", "outer prompt", "--allowedTools", "mcp__codex", "Bash"]
    async with ScriptedModel([Text("inner answer")]) as model:
        claude_user.reach(model)
        with messages_api([pause, call, "outer answer"], on_request) as base_url:
            variables = {"ANTHROPIC_API_KEY": "sk-ant-test", "ANTHROPIC_BASE_URL": base_url}
            ran = (await claude_user.run(ask, **QUIET, **variables, **gate.env)).worked()
        assert (await claude_user.run(["codexmcp", "serve", "--stop"])).code == 0
    assert ran.out == "outer answer\n"
    # By name: the descriptions of many tools are asked for when they are needed.
    assert call[0] in second[0]
