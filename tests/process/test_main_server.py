"""What only `main.py` has: turns of the agent, and MCP servers of somebody else's."""

from __future__ import annotations

import shlex

import pytest

from codexmcp.testing import FunctionCall, Reply, Role, ScriptedModel, ShellCall, Step, Text
from tests.support.builds import codex_build
from tests.support.programs import Project

CATALOGUE_MODEL = "gpt-5.6-sol"
"""A model that Codex 0.153.4 has in its catalogue."""


async def test_max_turns_ends_an_agent_that_goes_round_in_circles(project: Project) -> None:
    again = Reply((FunctionCall("codex", {"prompt": "again"}),))
    async with ScriptedModel([Text("done")] * 3, [again] * 3) as model:
        project.reach(model.base_url)
        ran = await project.run("main.py", "go", "--max-turns", "2")
    assert ran.code == 1
    assert ran.error.startswith("error: the agent was not done after 2 turns; ")


async def test_a_tool_argument_cannot_widen_what_the_program_has_fixed(project: Project) -> None:
    wide = {"prompt": "go", "sandbox": "danger-full-access"}
    async with ScriptedModel([], [Reply((FunctionCall("codex", wide),)), Text("fine")]) as model:
        project.reach(model.base_url)
        ran = await project.run("main.py", "go")
        asked = [request.role for request in model.requests]
    assert ran.code == 1
    assert "sandbox" in ran.error
    assert asked == [Role.AGENT, Role.AGENT]


@pytest.fixture
def native(project: Project) -> str:
    """The command of the last native server, in a home that leads it to the model."""
    return f"{shlex.quote(str(codex_build('0.153.4')))} mcp-server"


async def test_the_removed_server_works_as_server_command(project: Project, native: str) -> None:
    script: list[Step] = [
        ShellCall("echo hi | tee index.html; echo no > ../outside.html; true"),
        Text("made it"),
    ]
    async with ScriptedModel(script) as model:
        project.reach(model.base_url)
        with (project.home / "config.toml").open("a") as config:
            config.write(
                f'\n[model_providers.t]\nname = "t"\nbase_url = "{model.base_url}"\n'
                'wire_api = "responses"\n'
            )
        text = (project.home / "config.toml").read_text()
        (project.home / "config.toml").write_text('model_provider = "t"\n' + text)
        ran = await project.run(
            "main.py", "go", "--json", "--model", CATALOGUE_MODEL, "--server-command", native
        )
        models = {request.role: request.model for request in model.requests}
    assert models[Role.CODEX] == CATALOGUE_MODEL
    assert ran.result["answer"] == "Codex reported:\nmade it"
    # Folder and sandbox are sent as arguments, as this server has no flags for them.
    assert ran.result["files"] == ["index.html"]
    assert not (project.root / "outside.html").exists()
    assert ran.result["threadId"]
    assert "command" in {event["type"] for event in ran.events}
    assert project.processes() == {}


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("no-such-program x", 78, "cannot start the MCP server no-such-program: No such file"),
        ("sh -c 'echo oh dear >&2; exit 3'", 1, "the MCP server did not come up: oh dear"),
        ("'", 2, "--server-command is not a command line: No closing quotation"),
    ],
)
async def test_a_server_command_that_does_not_work_is_told(
    project: Project, command: str, code: int, message: str
) -> None:
    project.reach("http://127.0.0.1:9/v1")
    ran = await project.run("main.py", "go", "--server-command", command)
    assert ran.code == code
    assert ran.error.startswith(f"error: {message}")
    assert len(ran.err.splitlines()) == 1
