"""Wrong input and broken surroundings: each ends in one plain line and the documented exit code."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from codexmcp.testing import (
    Cut,
    HTTPError,
    Nonsense,
    Outcome,
    Reset,
    ScriptedModel,
    Text,
    unreachable_base_url,
)
from tests.support.builds import codex_build
from tests.support.programs import BOUND_S, KEY, Project, Ran

NOWHERE = "http://127.0.0.1:9/v1"


def check_refused(ran: Ran, code: int, *words: str) -> None:
    """Check that a program ended before any work, with one line."""
    assert ran.code == code
    (line,) = ran.err.splitlines()
    for word in words:
        assert word in line
    assert ran.out == ""


async def test_no_prompt_is_wrong_usage(project: Project) -> None:
    check_refused(await project.run("main.py"), 2, "there is no prompt")


@pytest.mark.parametrize("args", [[""], [" \n"], ["-"], ["--rehearse", "-"]])
async def test_an_empty_prompt_is_wrong_usage(
    project: Project, program: str, args: list[str]
) -> None:
    check_refused(await project.run(program, *args, stdin=b" \n"), 2, "the prompt is empty")


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["go", "--rehearsed"], "--rehearsed"),
        (["go", "--timeout", "soon"], "'soon' is not a duration such as 90s"),
        (["go", "--max-turns", "0"], "'0' is not a number of 1 or more"),
        (["go", "--sandbox", "none"], "'read-only', 'workspace-write', 'danger-full-access'"),
    ],
)
async def test_wrong_options_are_named(project: Project, args: list[str], word: str) -> None:
    check_refused(await project.run("main.py", *args), 2, word)


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (
            b"$HOME `id` \"double\" 'single' \\ %s {x} !",
            "$HOME `id` \"double\" 'single' \\ %s {x} !",
        ),
        (b"- a list\n--flag\n\ttab\r\nend", "- a list\n--flag\n\ttab\r\nend"),
        ("ü \N{SNAKE} \N{RIGHT-TO-LEFT OVERRIDE} \x1b[31m".encode(), None),
        (
            b"caf\xe9 \xed\xa0\x80",
            "caf\N{REPLACEMENT CHARACTER} " + "\N{REPLACEMENT CHARACTER}" * 3,
        ),
    ],
)
async def test_a_prompt_reaches_the_model_as_it_is(
    project: Project, given: bytes, seen: str | None
) -> None:
    async with ScriptedModel([Text("done")]) as model:
        project.reach(model.base_url)
        ran = await project.run("main.py", "--", given)
        prompts = [request.turn.prompt for request in model.requests[:2]]
    assert ran.code == 0
    assert prompts == [given.decode() if seen is None else seen] * 2


async def test_a_prompt_of_a_megabyte_reaches_codex_whole(project: Project, program: str) -> None:
    prompt = "0123456789abcde\n" * 65_000
    async with ScriptedModel([Text("done")]) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "-", stdin=prompt.encode())
        seen = model.requests[1].turn.prompt
    assert ran.code == 0
    assert seen.strip() == prompt.strip()


async def test_a_missing_output_folder_is_made(project: Project) -> None:
    project.output.rmdir()
    async with ScriptedModel([Text("done")]) as model:
        project.reach(model.base_url)
        assert (await project.run("main.py", "go")).code == 0
    assert project.output.is_dir()


async def test_an_output_folder_that_is_none_is_named(project: Project, program: str) -> None:
    project.output.rmdir()
    project.output.write_text("a file")
    project.reach(NOWHERE)
    check_refused(await project.run(program, "go"), 78, str(project.output), "--cwd")


async def test_an_output_folder_that_cannot_be_written_is_named(project: Project) -> None:
    # /proc takes no files, not even root's.
    project.reach(NOWHERE)
    check_refused(await project.run("main.py", "go", "--cwd", "/proc"), 78, "/proc", "--cwd")


async def test_without_a_key_the_ways_on_are_named(project: Project, program: str) -> None:
    ran = await project.run(program, "go")
    check_refused(ran, 78, "OPENAI_API_KEY", "CODEX_HOME", "codexmcp rehearse")


async def test_an_unknown_sandbox_mode_is_refused_with_the_valid_ones(project: Project) -> None:
    ran = await project.run("main.py", "go", CODEX_SANDBOX_MODE="none")
    check_refused(ran, 78, "'none'", "read-only, workspace-write, danger-full-access")


async def test_a_broken_dotenv_is_named_with_its_line(project: Project, program: str) -> None:
    (project.root / ".env").write_text(f"OPENAI_API_KEY={KEY}\n\nthis is 'not a setting\n")
    ran = await project.run(program, "go")
    check_refused(ran, 78, f"{project.root}/.env, line 3")


async def test_a_broken_config_is_named_with_its_line(project: Project, program: str) -> None:
    (project.home / "config.toml").write_text("[features]\nmemories = maybe\n")
    project.reach(NOWHERE)
    check_refused(await project.run(program, "go"), 78, f"{project.home}/config.toml", "line 2")


def _script(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "codex"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("kind", ["missing", "not executable", "no Codex", "no program"])
async def test_a_codex_binary_that_cannot_be_used_is_named(
    project: Project, program: str, kind: str
) -> None:
    binary = {
        "missing": lambda: str(project.root / "nothing"),
        "not executable": lambda: _script(project.root, "#!/bin/sh\n", 0o644),
        "no Codex": lambda: str(shutil.which("true")),
        "no program": lambda: _script(project.root, "not a script"),
    }[kind]()
    project.reach(NOWHERE)
    check_refused(await project.run(program, "go", CODEX_BIN=binary), 78, binary)


async def test_a_codex_that_is_too_old_is_refused(project: Project, program: str) -> None:
    project.reach(NOWHERE)
    ran = await project.run(program, "go", CODEX_BIN=str(codex_build("0.149.0")))
    check_refused(ran, 78, "is Codex 0.149.0", "0.153.4 is the oldest supported")


async def test_a_codex_that_hangs_is_given_up(project: Project) -> None:
    hangs = _script(project.root, f"#!{sys.executable}\nimport time\ntime.sleep(300)\n")
    project.reach(NOWHERE)
    ran = await project.run("main.py", "go", CODEX_BIN=hangs)
    check_refused(ran, 78, hangs, "did not answer within 10 s")
    assert project.processes() == {}


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (HTTPError(401, f"Incorrect API key: {KEY}"), 78, "refused the key: Incorrect API key: [s"),
        (HTTPError(429, "slow down"), 1, "failed: HTTP 429: slow down"),
        (HTTPError(500, "oops"), 1, "failed: HTTP 500: oops"),
        (Reset(), 1, "cannot reach the agent's model"),
        (Cut(), 1, "cannot reach the agent's model"),
        (Nonsense(), 1, "cannot reach the agent's model"),
        (Nonsense(as_events=True), 1, "could not read what its model"),
    ],
)
async def test_a_fault_of_the_agents_model_is_told(
    project: Project, fault: Outcome, code: int, message: str
) -> None:
    async with ScriptedModel([], [fault] * 5) as model:
        project.reach(model.base_url)
        ran = await project.run("main.py", "go")
        endpoint = model.base_url
        assert model.request_count <= 3
    assert ran.code == code
    assert message in ran.error
    assert endpoint in ran.error
    assert KEY not in ran.err + ran.out
    assert len(ran.err.splitlines()) == 2


async def test_an_unreachable_model_is_told(project: Project, program: str) -> None:
    project.reach(unreachable_base_url())
    ran = await project.run(program, "go")
    assert ran.code == 1
    assert "cannot reach the agent's model" in ran.error


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HTTPError(400, "bad thing"), "Codex failed: bad thing"),
        (HTTPError(401, f"no such key {KEY}"), "401 Unauthorized: no such key [secret], url: "),
        (HTTPError(429, "slow down"), "exceeded retry limit, last status: 429"),
        (Nonsense(as_events=True), "stream disconnected before completion"),
    ],
)
async def test_a_fault_of_codexs_model_is_told(
    project: Project, program: str, fault: Outcome, message: str
) -> None:
    async with ScriptedModel([fault] * 40) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "go")
        endpoint = model.base_url
    assert ran.code == 1
    assert message in ran.error
    if "url: " in message:
        # Not the key proxy's, which nobody knows.
        assert f"url: {endpoint}/responses" in ran.error
    assert KEY not in ran.err + ran.out


@pytest.mark.parametrize("program", ["main.py", "newway.py"])
async def test_the_cause_behind_the_key_proxy_is_told(project: Project, program: str) -> None:
    async with ScriptedModel([Reset()] * 90) as model:
        project.reach(model.base_url)
        # With the 7 of the default Codex goes on for 80 s.
        ran = await project.run(program, "go", CODEXMCP_REQUEST_RETRIES="1")
        endpoint = model.base_url
    assert ran.code == 1
    assert f"502 Bad Gateway: {endpoint} gave no answer: " in ran.error
    assert f"url: {endpoint}/responses" in ran.error


async def test_a_retry_that_succeeds_is_no_failure(project: Project, program: str) -> None:
    async with ScriptedModel([HTTPError(401, "not yet"), Text("done")]) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "go")
    assert ran.code == 0, ran.err
    assert "warning   Reconnecting... 1/2" in ran.err
    assert ran.out.startswith("Codex reported:\ndone\n")


@pytest.mark.parametrize(
    ("pipeline", "code", "words"),
    [
        ('"$@" > /dev/full', 1, "main.py: cannot write the output: No space left on device; send"),
        ('"$@" >&-', 1, "main.py: cannot write the output: stdout is closed; send it elsewhere"),
        # The reader goes away after one line, and what Codex did stays done.
        ('{ "$@"; echo "code $?" >&2; } | head -n 1', 0, "code 0"),
    ],
)
async def test_a_lost_stdout_ends_in_at_most_one_line(
    project: Project, pipeline: str, code: int, words: str
) -> None:
    command = [sys.executable, str(project.root / "main.py"), "--rehearse", "`echo hello`"]
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", pipeline, "sh", *command),
        env=project.env,
        cwd=project.root,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await asyncio.wait_for(process.communicate(), BOUND_S)
    assert process.returncode == code
    assert words in err.decode()
    assert "Traceback" not in err.decode()
