"""What the first argument picks, and prompts that look like something else."""

from __future__ import annotations

import json

import pytest

from tests.support.containers import USER, Engine

SMOKE = "$mcp-skill-smoke run the smoke script and report the file contents"
SCRIPT = "script_path=/app/.codex/skills/mcp-skill-smoke/scripts/run-smoke.sh"


async def test_a_prompt_is_for_main(engine: Engine) -> None:
    ran = await engine.run("--rehearse", SMOKE)
    assert ran.code == 0, ran.err
    assert "skill=mcp-skill-smoke" in ran.out
    assert SCRIPT in ran.out


async def test_newway_takes_the_other_approach(engine: Engine) -> None:
    ran = await engine.run("newway", "--rehearse")
    assert ran.code == 0, ran.err
    assert SCRIPT in ran.out


async def test_the_mcp_server_speaks_on_stdout_and_nothing_else_does(engine: Engine) -> None:
    client = {"name": "test", "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    asked = json.dumps(hello).encode() + b"\n"
    ran = await engine.run("mcp-server", stdin=asked, env={"OPENAI_API_KEY": "sk-test"})
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["result"]["serverInfo"]["name"] == "codex-mcp-server"


@pytest.mark.parametrize("arguments", [["runs", "list"], ["skills", "list"], ["serve", "--status"]])
async def test_further_modes_are_commands_of_codexmcp(engine: Engine, arguments: list[str]) -> None:
    ran = await engine.run(*arguments)
    assert ran.code in {0, 3}, ran.err


@pytest.mark.parametrize(
    "command", [["id", "-u"], ["sh", "-c", "id -u"], ["/usr/bin/id", "-u"], ["env", "id", "-u"]]
)
async def test_a_shell_command_runs_as_the_images_user(engine: Engine, command: list[str]) -> None:
    ran = await engine.run(*command)
    assert (ran.code, ran.out) == (0, f"{USER}\n")


async def test_nothing_that_is_started_can_become_root(engine: Engine) -> None:
    helper = "/usr/local/libexec/codexmcp/setpriv --reuid 0 id -u"
    ran = await engine.run("sh", "-c", f"grep NoNewPrivs /proc/self/status; {helper}")
    assert "NoNewPrivs:\t1" in ran.out
    assert ran.code != 0
    assert ran.out.count("\n") == 1


async def test_help_needs_neither_key_nor_sandbox(engine: Engine) -> None:
    for arguments in (["--help"], ["newway", "--help"]):
        ran = await engine.run(*arguments, env={"CODEX_SANDBOX_MODE": "workspace-write"})
        assert (ran.code, ran.err) == (0, "")
        assert "--rehearse" in ran.out


@pytest.mark.parametrize("word", ["mcpserver", "mcp_server", "doctr", "run"])
async def test_a_mistyped_mode_is_refused_with_what_it_may_mean(engine: Engine, word: str) -> None:
    ran = await engine.run(word)
    assert ran.code == 2
    assert f"there is no mode `{word}`; did you mean: " in ran.err


@pytest.mark.parametrize(
    "arguments", [["improve"], ["run", "the", "tests"], ["ls the files"], ["/review the code"]]
)
async def test_a_prompt_may_look_like_a_word_or_a_path(
    engine: Engine, arguments: list[str]
) -> None:
    ran = await engine.run(*arguments)
    assert ran.code == 78
    assert "there is no key for the model" in ran.err


async def test_a_prompt_may_begin_with_a_dash(engine: Engine) -> None:
    ran = await engine.run("--rehearse", "--", "-x: run `echo $((6*7))`")
    assert ran.code == 0, ran.err
    assert "42" in ran.out


async def test_the_doctor_examines_the_container(engine: Engine) -> None:
    ran = await engine.run("doctor", "--json", env={"OPENAI_API_KEY": "sk-test"})
    told = json.loads(ran.out)
    assert told["ok"], told
    assert ran.code == 0
    assert (await engine.run("doctor")).code == 78
