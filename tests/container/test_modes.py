"""What the first argument picks, and prompts that look like something else."""

from __future__ import annotations

import json
import shlex
import uuid

import pytest

from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.containers import USER, Engine, answered, asked

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


@pytest.mark.parametrize("flags", [[], ["--workdir=/tmp"]])
async def test_a_call_that_names_no_folder_works_in_the_output(
    engine: Engine, flags: list[str]
) -> None:
    call = ("tools/call", {"name": "codex", "arguments": {"prompt": "look"}})
    look = ShellCall("touch here; pwd")
    async with ScriptedModel([look, Text("done")]) as model:
        env = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": model.base_url}
        ran = await engine.run(
            "mcp-server", flags=["--network=host", *flags], env=env, stdin=asked(call)
        )
        assert answered(ran, 2)["content"][0]["text"] == "done", ran
        seen = json.dumps(model.requests[-1].body)
    # A folder that was chosen stays.
    assert ("/tmp" if flags else "/app/output") in seen
    assert "Permission denied" not in seen


async def test_built_in_skills_that_cannot_be_written_are_no_errors(engine: Engine) -> None:
    async with ScriptedModel([Text("done")]) as model:
        url = f'openai_base_url="{model.base_url}"'
        ran = await engine.run(
            *("codex", "exec", "--skip-git-repo-check", "-c", url, "go on"),
            flags=["--network=host"],
            env={"OPENAI_API_KEY": "sk-test"},
        )
    assert (ran.code, "system skills" in ran.err) == (0, False), ran.err


@pytest.mark.parametrize("program", [[], ["newway"]])
async def test_the_line_that_says_how_to_continue_works(engine: Engine, program: list[str]) -> None:
    volume = f"codexmcp-test-{uuid.uuid4().hex[:12]}"
    home = [f"--volume={volume}:/app/.codex"]
    try:
        ran = await engine.run(*program, "--rehearse", "run `id`", flags=home)
        assert ran.code == 0, ran.err
        line = ran.out.split("Continue with: docker run OPTIONS IMAGE ")[1].splitlines()[0]
        *words, prompt = shlex.split(line)
        assert (words[: len(program)], prompt) == (program, "<prompt>")
        again = await engine.run(*words, "run `echo $((6*7))`", flags=home)
        assert (again.code, "42" in again.out) == (0, True), again
    finally:
        await engine.call("volume", "rm", "--force", volume)


@pytest.mark.parametrize("flags", [[], ["--tmpfs=/app/.codex"]])
async def test_a_conversation_that_ends_with_its_container_is_not_offered(
    engine: Engine, flags: list[str]
) -> None:
    ran = await engine.run("--rehearse", "run `id`", flags=flags)
    assert "keep the Codex home: docker run -v codexmcp-home:/app/.codex" in ran.out
    assert "Continue with" not in ran.out


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
    ran = await engine.run("doctor", "--no-call", "--json", env={"OPENAI_API_KEY": "sk-test"})
    told = json.loads(ran.out)
    assert told["ok"], told
    assert ran.code == 0
    assert (await engine.run("doctor")).code == 78
