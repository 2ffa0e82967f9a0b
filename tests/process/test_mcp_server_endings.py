"""How the MCP server ends, and that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from codexmcp.appserver.orphans import REAP_INTERVAL_S
from codexmcp.testing import Delay, ScriptedModel, ShellCall, Stall, Text
from tests.support.builds import pinned_codex
from tests.support.mcp_server import (
    SERVER,
    call,
    configure,
    environment,
    event,
    mcp_server,
    result_of,
    start_call,
    text_of,
)
from tests.support.processes import processes_of, until


async def all_gone(home: Path) -> None:
    await until(lambda: not processes_of(home), "every process of the home is gone")


async def test_an_idle_server_ends_with_its_stdin(codex_home: Path, tmp_path: Path) -> None:
    async with mcp_server(codex_home, tmp_path) as client:
        client.close_stdin()
        assert await client.wait_exit() == 0
    await all_gone(codex_home)


async def test_a_running_turn_is_finished_after_stdin_has_ended(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Delay(1, Text("late"))]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x")
            await event(client, "task_started")
            client.close_stdin()
            assert text_of(await result_of(client, 1)) == "late"
            assert await client.wait_exit() == 0
    await all_gone(codex_home)


async def test_a_drain_timeout_of_zero_ends_running_turns_at_once(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([ShellCall("sleep 300")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, "--drain-timeout", "0") as client:
            await start_call(client, 1, prompt="x", sandbox="danger-full-access")
            await event(client, "exec_command_begin")
            client.close_stdin()
            assert await client.wait_exit(5) == 0
        await all_gone(codex_home)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
async def test_a_signal_leaves_no_process_behind(
    codex_home: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    async with ScriptedModel([ShellCall("sleep 300")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="danger-full-access")
            await event(client, "exec_command_begin")
            client.signal(number)
            assert await client.wait_exit(5) == code
        await all_gone(codex_home)


async def test_a_killed_server_takes_its_key_proxy_along(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Stall()]) as model:
        env = environment(codex_home, OPENAI_API_KEY="sk-mark", OPENAI_BASE_URL=model.base_url)
        async with mcp_server(codex_home, tmp_path, env=env) as client:
            await start_call(client, 1, prompt="x")
            await model.wait_for_requests(1)
            names = " ".join(processes_of(codex_home).values())
            assert "codexmcp.codex.forwarder" in names
            assert "sk-mark" not in names
            client.signal(signal.SIGKILL)
            await client.wait_exit(5)
        await all_gone(codex_home)


async def test_a_cancelled_call_is_not_answered_and_its_command_is_killed(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([ShellCall("sleep 301"), Text("still here")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="danger-full-access")
            thread_id = (await event(client, "exec_command_begin"))["_meta"]["threadId"]
            cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
            await client.send({"jsonrpc": "2.0", **cancelled})
            await event(client, "turn_aborted")
            await until(
                lambda: not any("sleep 301" in c for c in processes_of(codex_home).values()),
                "the command is gone",
            )
            reply = await call(client, 2, "codex-reply", prompt="y", threadId=thread_id)
            assert text_of(reply) == "still here"
            assert not [m for m in client.received if m.get("id") == 1 and "result" in m]


@pytest.mark.parametrize("number", [None, signal.SIGTERM])
async def test_what_a_command_left_in_the_background_ends_with_the_server(
    codex_home: Path, tmp_path: Path, number: signal.Signals | None
) -> None:
    left = "setsid nohup sleep 303 >/dev/null 2>&1 &"
    async with ScriptedModel([ShellCall(left), Text("done"), Stall()]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            done = await call(client, 1, prompt="x", sandbox="danger-full-access")
            assert any("sleep 303" in line for line in processes_of(codex_home).values())
            if number is None:
                client.close_stdin()
            else:
                client.signal(number)
            await client.wait_exit()
        assert text_of(done) == "done"
    await all_gone(codex_home)


INTERRUPTED_AT_ONCE = """
import signal, sys, types
serving = types.ModuleType("codexmcp.cli.mcp_serving")
waiting = "import os, time; os.kill(os.getpid(), signal.{number}); time.sleep(5)"
serving.serve_client = lambda *_: exec(waiting)
sys.modules[serving.__name__] = serving
from codexmcp.cli import main
sys.exit(main(["mcp-server"]))
"""
"""A server that gets a signal while a module of its imports runs generated code."""


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_during_the_imports_ends_the_server_with_its_code(
    codex_home: Path, tmp_path: Path, number: str, code: int
) -> None:
    module = tmp_path / "interrupted.py"
    module.write_text(INTERRUPTED_AT_ONCE.replace("{number}", number))
    client = {"clientInfo": {"name": "test", "version": "1"}, "capabilities": {}}
    params = {"protocolVersion": "2025-06-18", **client}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    run = subprocess.run(
        [sys.executable, "-m", "interrupted"],
        input=json.dumps(asked) + "\n",
        env=environment(codex_home, PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (run.returncode, run.stderr) == (code, "")
    assert json.loads(run.stdout)["id"] == 1


async def test_what_codex_leaves_before_the_server_has_started_ends_with_the_server(
    codex_home: Path, tmp_path: Path
) -> None:
    codex = tmp_path / "codex"
    left = "setsid sleep 304 </dev/null >/dev/null 2>&1"
    codex.write_text(f"#!/bin/sh\n({left} &)\nexec '{pinned_codex()}' \"$@\"\n")
    codex.chmod(0o755)
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        await until(
            lambda: any("sleep 304" in line for line in processes_of(codex_home).values()),
            "Codex has left a process",
        )
        assert (await client.ask("ping", {})).get("result") == {}
        client.close_stdin()
        assert await client.wait_exit() == 0
    await all_gone(codex_home)


async def test_regular_files_serve_as_stdin_and_stdout(codex_home: Path, tmp_path: Path) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    (tmp_path / "in").write_text(json.dumps(asked) + "\n")
    with (tmp_path / "in").open() as stdin, (tmp_path / "out").open("w") as stdout:
        process = await asyncio.create_subprocess_exec(
            *SERVER, stdin=stdin, stdout=stdout, env=environment(codex_home)
        )
        assert await asyncio.wait_for(process.wait(), 15) == 0
    assert json.loads((tmp_path / "out").read_text()) == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.parametrize(
    ("redirection", "code", "words"),
    [
        ("<&-", 78, "is closed"),
        (">&-", 78, "is closed"),
        ("> /dev/full", 1, "cannot write to stdout: No space left on device"),
    ],
)
def test_streams_that_cannot_be_used_end_in_one_line(
    codex_home: Path, redirection: str, code: int, words: str
) -> None:
    asked = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    script = f"echo '{asked}' | \"$@\" {redirection}"
    run = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *SERVER],
        env=environment(codex_home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == code
    assert words in run.stderr
    assert len(run.stderr.splitlines()) == 1


async def test_a_read_only_command_outlives_the_start_of_another_server(
    codex_home: Path, tmp_path: Path
) -> None:
    # Longer than servers take to look for what others have left.
    command = f"sleep {REAP_INTERVAL_S + 2}; echo $((6 * 7))"
    other_home = codex_home / "other"
    other_home.mkdir()
    async with ScriptedModel([ShellCall(command), Text("done")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="read-only")
            await event(client, "exec_command_begin")
            async with mcp_server(other_home, tmp_path):
                ended = (await event(client, "exec_command_end"))["msg"]
            assert (ended["exit_code"], ended["stdout"]) == (0, "42\n")
            assert text_of(await result_of(client, 1)) == "done"
