"""`codexmcp mcp` with real servers, and what the real Codex makes of what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.errors import ExitCode
from codexmcp.home.mcp_servers import McpServer
from codexmcp.home.mcp_stdio import check_stdio
from codexmcp.testing import Script, ScriptedModel, Text
from tests.support.builds import ORACLE_VERSION, codex_build, pinned_codex
from tests.support.commands import codexmcp
from tests.support.mcp_stub import hinted
from tests.support.processes import processes_of, until
from tests.support.real_app_server import Conversation, environment, launch_options

STUB = Path(__file__).parent.parent / "support" / "mcp_stub.py"
BOUND_S = 30.0
PINNED = installed_version("openai-codex-cli-bin")


def stub(mode: str) -> list[str]:
    return [sys.executable, str(STUB), mode]


def names_in(home: Path) -> list[str]:
    return [path.name for path in home.iterdir()]


async def add(home: Path, name: str, *words: str, **env: str) -> None:
    added = await codexmcp(home, "mcp", "add", name, *words, **env)
    assert added.code == 0, added.err


@contextlib.asynccontextmanager
async def remote_stub(token: str) -> AsyncIterator[str]:
    """Run the SDK's server behind a token, and give its URL."""
    process = await asyncio.create_subprocess_exec(
        *stub("http"),
        env={**os.environ, "MCP_STUB_TOKEN": token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(BOUND_S):
            url = (await process.stdout.readline()).decode().strip()
        yield url
    finally:
        process.terminate()
        await process.wait()


async def tools_by_codex(home: Path, **env: str) -> dict[str, list[str]]:
    """Return what the real Codex finds: the tools of each server."""
    options = launch_options(home)
    options = type(options)(codex=options.codex, env={**options.env, **env}, cwd=home)
    async with AppServer.launch(options) as server:
        answer = await server.call("mcpServerStatus/list", {})
    return {each["name"]: sorted(each["tools"]) for each in answer["data"]}


async def strict_codex(home: Path) -> str:
    """Return what Codex says against a configuration; it ends at once, its stdin being closed."""
    process = await asyncio.create_subprocess_exec(
        str(pinned_codex()),
        "app-server",
        "--strict-config",
        env=environment(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(BOUND_S):
        _, stderr = await process.communicate()
    return "\n".join(line for line in stderr.decode().splitlines() if line.startswith("Error"))


async def test_what_is_added_is_what_codex_starts(codex_home: Path) -> None:
    (codex_home / "config.toml").write_text("# mine\n[features]\n")
    await add(codex_home, "files", "--approve-tools", "--", *stub("plain"))
    await add(codex_home, "off", "--disabled", "--", "nowhere")
    checked = await codexmcp(codex_home, "mcp", "check", "--json")
    assert checked.code == 0, checked.out
    (report,) = checked.json
    assert (report["server"], report["ok"]) == ("files", True)
    assert await tools_by_codex(codex_home) == {"files": ["goodbye", "hello"], "off": []}
    assert report["tools"] == ["goodbye", "hello"]
    for name in ("files", "off"):
        assert (await codexmcp(codex_home, "mcp", "remove", name)).code == 0
    assert (codex_home / "config.toml").read_text() == "# mine\n[features]\n"


async def test_every_option_is_one_that_codex_takes(codex_home: Path) -> None:
    common: list[str] = []
    for words in (
        "--startup-timeout 5",
        "--tool-timeout 60.5",
        "--approval-mode writes",
        "--enable-tool a",
        "--enable-tool b",
        "--disable-tool c",
        "--disabled",
    ):
        common += words.split()
    await add(codex_home, "a.b/c:d", *common, "--env", "A=b", "--env-var", "C", "--", "x", "-y")
    remote = ["--url", "https://nowhere.invalid/mcp", "--bearer-token-env-var", "T"]
    remote += ["--header", "X-Team=a", "--env-header", "X-Key=K"]
    await add(codex_home, "far", *common, *remote)
    assert await strict_codex(codex_home) == ""
    # The same check finds what is wrong.
    path = codex_home / "config.toml"
    path.write_text(path.read_text() + "nonsense = 1\n")
    assert "unknown configuration field `mcp_servers.far.nonsense`" in await strict_codex(
        codex_home
    )


@pytest.mark.parametrize("name", ["junk", "glued", "dies"])
async def test_a_server_is_broken_for_us_if_it_is_for_codex(codex_home: Path, name: str) -> None:
    await add(codex_home, name, "--startup-timeout", "4", "--", *stub(name))
    (report,) = (await codexmcp(codex_home, "mcp", "check", "--json")).json
    found = await tools_by_codex(codex_home)
    assert report["ok"] == bool(found[name]) == (name == "junk")


async def test_a_broken_server_is_told_with_its_cause(codex_home: Path) -> None:
    await add(codex_home, "dies", "--", *stub("dies"))
    await add(codex_home, "glued", "--startup-timeout", "3", "--", *stub("glued"))
    await add(codex_home, "gone", "--", "no-such-program")
    await add(codex_home, "far", "--url", "http://127.0.0.1:9/mcp")
    checked = await codexmcp(codex_home, "mcp", "check")
    assert checked.code == 1
    assert "exited with code 1; it said: no such database" in checked.out
    assert "it wrote other text right before a message: 'Ok to proceed?" in checked.out
    assert "there is no program 'no-such-program'" in checked.out
    assert "it cannot be reached" in checked.out


def table(name: str, mode: str, more: str = "") -> str:
    command, *args = stub(mode)
    words = f"command = {json.dumps(command)}\nargs = {json.dumps(args)}\n"
    return f"[mcp_servers.{json.dumps(name)}]\n{words}{more}"


@pytest.mark.parametrize("build", [ORACLE_VERSION, PINNED])
async def test_a_name_from_which_codex_gets_no_tools_is_told_with_a_remedy(
    codex_home: Path, build: str
) -> None:
    config = table("two words", "plain") + table("a.b/c:d@e", "plain")
    (codex_home / "config.toml").write_text(config)
    codex = str(codex_build(build))
    checked = await codexmcp(codex_home, "mcp", "check", "--json", CODEX_BIN=codex)
    assert [each["ok"] for each in checked.json] == [False, True], checked.err
    (fault,) = checked.json[0]["faults"]
    assert "Codex gets no tools from it" in fault
    assert "rename its table" in fault


async def test_every_table_that_codex_refuses_is_told_and_none_is_called_enabled(
    codex_home: Path,
) -> None:
    good = table("good", "plain")
    odd = {
        "none": "enabled = false\n",
        "tool": '[mcp_servers.tool.tools.x]\napproval_mode = "approve"\n',
        "both": 'command = "x"\nurl = "https://h/mcp"\n',
    }
    tables = (f"[mcp_servers.{name}]\n{text}" for name, text in odd.items())
    (codex_home / "config.toml").write_text(good + "".join(tables))
    listed = (await codexmcp(codex_home, "mcp", "list", "--json")).json
    checked = await codexmcp(codex_home, "mcp", "check", "--json")
    assert {each["name"] for each in listed if each["fault"]} == odd.keys()
    faults = {each["server"]: each["faults"][0] for each in checked.json}
    assert checked.code == 1
    assert faults.pop("good").startswith("not checked, because Codex refuses config.toml: ")
    assert faults.keys() == odd.keys()
    for fault in faults.values():
        assert "and with it all of config.toml" in fault
        assert "give it either a command or a url" in fault


async def test_tools_that_codex_refuses_unattended_are_those_that_the_check_names(
    codex_home: Path,
) -> None:
    modes = ("", "auto", "prompt", "writes", "approve")
    lines = {
        f"m{mode}": f'default_tools_approval_mode = "{mode}"\n' if mode else "" for mode in modes
    }
    odd = '[mcp_servers.mwrites.tools.nnn]\napproval_mode = "approve"\n'
    odd += '[mcp_servers.mapprove.tools.nnn]\napproval_mode = "prompt"\n'
    config = "".join(
        table(name, "hints", f"required = true\n{text}") for name, text in lines.items()
    )
    (codex_home / "config.toml").write_text(config + odd)
    names = [f"{server}__{tool}" for server in lines for tool in hinted()]
    calls = (
        "const done = {};"
        f"for (const name of {json.dumps(names)}) "
        "done[name] = JSON.stringify(await tools['mcp__' + name]({})).includes('called');"
        "text('DONE' + JSON.stringify(done) + 'DONE')"
    )
    options = ThreadOptions(sandbox="workspace-write", approval_policy="never")
    async with ScriptedModel([Script(calls), Text("ok")]) as model:
        async with AppServer.launch(launch_options(codex_home, model.base_url)) as server:
            talk = Conversation(server, (await server.start_thread(options)).id)
            await talk.say("go")
        told = json.dumps(model.requests[-1].body).replace("\\", "")
    done = json.loads(told.split("DONE")[-2])
    checked = await codexmcp(codex_home, "mcp", "check", "--json")
    asked = {f"{each['server']}__{tool}" for each in checked.json for tool in each["asked_for"]}
    assert asked == {name for name, was_called in done.items() if not was_called}
    assert checked.code == 0
    assert "unattended runs" in checked.json[0]["notes"][-1]


async def test_a_server_that_never_answers_is_ended_with_what_it_started(codex_home: Path) -> None:
    # By the variable, its processes are found.
    mark = {"CODEX_HOME": str(codex_home)}
    server = McpServer("silent", tuple(stub("silent")), env=mark, startup_timeout_s=0.1)
    report = await check_stdio(server, environment(codex_home), patience_s=0.4)
    assert report.faults == ("it did not answer within 0.5 s",)
    await until(lambda: not processes_of(codex_home), "the server is gone")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_check_that_is_ended_leaves_nothing_behind(
    codex_home: Path, tmp_path: Path, number: signal.Signals
) -> None:
    reached = tmp_path / "reached"
    code = f"import pathlib, time; pathlib.Path({str(reached)!r}).touch(); time.sleep(600)"
    # By the variable, its processes are found.
    await add(
        codex_home, "silent", "--env", f"CODEX_HOME={codex_home}", "--", sys.executable, "-c", code
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "codexmcp", "mcp", "check", "silent"),
        env=environment(codex_home),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until(reached.exists, "the server is up")
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), BOUND_S) == ExitCode.INTERRUPTED
    assert not processes_of(codex_home)


async def test_a_slow_start_is_told_apart_from_one_that_never_ends(codex_home: Path) -> None:
    server = McpServer("slow", command=tuple(stub("plain")), startup_timeout_s=0.001)
    report = await check_stdio(server, environment(codex_home), patience_s=BOUND_S)
    assert report.tools == ("hello", "goodbye")
    assert "Codex gives up after 0.001 s; raise startup_timeout_sec" in report.faults[0]


async def test_a_remote_server_is_asked_with_the_token_of_its_variable(codex_home: Path) -> None:
    async with remote_stub("right") as url:
        await add(codex_home, "far", "--url", url, "--bearer-token-env-var", "FAR_TOKEN")
        checked = await codexmcp(codex_home, "mcp", "check", "--json", FAR_TOKEN="right")
        assert (checked.code, checked.json[0]["tools"]) == (0, ["goodbye", "hello"]), checked.out
        assert await tools_by_codex(codex_home, FAR_TOKEN="right") == {"far": ["goodbye", "hello"]}
        await add(codex_home, "open", "--url", url)
        await add(codex_home, "path", "--url", f"{url}-not", "--bearer-token-env-var", "FAR_TOKEN")
        # At once, because Codex tries each of them for seconds.
        wrong, unset, no_token, elsewhere = await asyncio.gather(
            codexmcp(codex_home, "mcp", "check", "far", FAR_TOKEN="wrong"),
            codexmcp(codex_home, "mcp", "check", "far"),
            codexmcp(codex_home, "mcp", "check", "open"),
            codexmcp(codex_home, "mcp", "check", "path", FAR_TOKEN="right"),
        )
    assert [ran.code for ran in (wrong, unset, no_token, elsewhere)] == [1] * 4
    assert "it refuses the token in FAR_TOKEN (401)" in wrong.out
    assert "not set here: FAR_TOKEN" in unset.out
    assert "a token or login is required (401)" in no_token.out
    assert "no MCP endpoint at /mcp-not (404)" in elsewhere.out
    assert "right" not in (codex_home / "config.toml").read_text()


async def test_secrets_stay_out_of_the_file_unless_they_may_lie_there(codex_home: Path) -> None:
    words = ("far", "--url", "https://h/mcp", "--header", "Authorization=Bearer my-token")
    refused = await codexmcp(codex_home, "mcp", "add", *words)
    assert (refused.code, "my-token" in refused.err) == (2, False)
    assert names_in(codex_home) == []
    await add(codex_home, *words, "--allow-secret-in-file")
    (listed,) = (await codexmcp(codex_home, "mcp", "list", "--json")).json
    assert (listed["name"], listed["headers"]) == ("far", ["Authorization"])
    assert await strict_codex(codex_home) == ""


async def test_a_dry_run_shows_what_would_change_and_writes_nothing(codex_home: Path) -> None:
    shown = await codexmcp(codex_home, "mcp", "add", "x", "--dry-run", "--", "server", "--dry-run")
    assert shown.code == 0
    assert '+args = ["--dry-run"]' in shown.out
    assert names_in(codex_home) == []


async def test_a_server_that_codex_itself_adds_stands_in_nobody_s_way(codex_home: Path) -> None:
    await add(codex_home, "ours", "--", *stub("plain"))
    process = await asyncio.create_subprocess_exec(
        str(pinned_codex()), "mcp", "add", "theirs", "--", "x", env=environment(codex_home)
    )
    assert await process.wait() == 0
    refused = await codexmcp(codex_home, "mcp", "remove", "theirs")
    assert (refused.code, "not written by codexmcp" in refused.err) == (78, True)
    # Codex has dropped the comments around ours, too.
    await add(codex_home, "ours", "--replace", "--", *stub("plain"))
    listed: list[dict[str, Any]] = (await codexmcp(codex_home, "mcp", "list", "--json")).json
    assert {each["name"]: each["managed"] for each in listed} == {"ours": True, "theirs": False}
    assert await strict_codex(codex_home) == ""
    assert (await codexmcp(codex_home, "mcp", "remove", "ours")).code == 0
    left = (await codexmcp(codex_home, "mcp", "list", "--json")).json
    assert [each["name"] for each in left] == ["theirs"]


async def test_servers_added_at_once_are_all_there(codex_home: Path) -> None:
    names = ["a", "b", "c", "d"]
    await asyncio.gather(*(add(codex_home, name, "--", "x") for name in names))
    listed = (await codexmcp(codex_home, "mcp", "list", "--json")).json
    assert sorted(each["name"] for each in listed) == names
