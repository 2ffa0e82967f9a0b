"""What the MCP server does when Codex, its model or its client misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.codex.threads import MAX_LOADED
from codexmcp.testing import (
    Deltas,
    ScriptedModel,
    ShellCall,
    Stall,
    Text,
    unreachable_base_url,
)
from tests.conformance.client import running
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
    thread_of,
)
from tests.support.model_steps import escalated
from tests.support.processes import processes_of, until
from tests.support.real_app_server import launch_options

MIB = 1024 * 1024


def app_server_of(home: Path) -> int:
    """Return the process id of the app-server that works with a home."""
    return next(pid for pid, line in processes_of(home).items() if " app-server" in line)


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def server_of(home: Path) -> int:
    """Return the process id of the MCP server that works with a home."""
    return next(pid for pid, line in processes_of(home).items() if "mcp-server" in line)


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def test_a_killed_app_server_fails_its_call_and_the_next_one_gets_a_new_one(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Text("one"), Stall(), Text("three")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            thread_id = thread_of(await call(client, 1, prompt="x"))
            await start_call(client, 2, "codex-reply", prompt="y", threadId=thread_id)
            await model.wait_for_requests(2)
            os.kill(app_server_of(codex_home), signal.SIGKILL)
            failed = await result_of(client, 2, 5)
            assert failed["isError"]
            assert "`codex app-server` ended: codex was ended by SIGKILL" in text_of(failed)
            again = await call(client, 3, "codex-reply", prompt="z", threadId=thread_id)
            assert text_of(again) == "three"
        assert "x" in str(model.requests[-1].body["input"])


async def test_a_silent_turn_is_ended_by_the_idle_timeout(codex_home: Path, tmp_path: Path) -> None:
    flags = ["--idle-timeout", "3", "--approval-policy", "never"]
    async with ScriptedModel([Stall(), Text("back")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, *flags) as client:
            result = await call(client, 1, prompt="x")
            assert result["isError"]
            assert "Codex was silent for" in text_of(result)
            thread_id = text_of(result).split("thread ")[1].split()[0]
            reply = await call(client, 2, "codex-reply", prompt="y", threadId=thread_id)
            assert text_of(reply) == "back"


async def test_twenty_calls_at_once_are_all_answered(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Text(f"answer {number}") for number in range(20)]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            for number in range(20):
                await start_call(client, number, prompt="x")
            results = [await result_of(client, number, 60) for number in range(20)]
    assert {text_of(result) for result in results} == {f"answer {n}" for n in range(20)}
    assert len({thread_of(result) for result in results}) == 20


async def test_replies_on_one_thread_are_answered_in_turn(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Text(f"answer {number}") for number in range(4)]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            thread_id = thread_of(await call(client, 0, prompt="x"))
            for number in (1, 2, 3):
                await start_call(client, number, "codex-reply", prompt="y", threadId=thread_id)
            answers = [text_of(await result_of(client, number)) for number in (1, 2, 3)]
    assert answers == ["answer 1", "answer 2", "answer 3"]


async def test_a_client_that_does_not_read_costs_bounded_memory(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Deltas("x" * 1000, 20_000)]) as model:
        configure(codex_home, model)
        read_end, write_end = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *[*SERVER, "--max-result-bytes", "1000"],
            stdin=asyncio.subprocess.PIPE,
            stdout=write_end,
            env=environment(codex_home),
            cwd=tmp_path,
        )
        os.close(write_end)
        assert process.stdin is not None
        params = {"name": "codex", "arguments": {"prompt": "x"}}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        await model.wait_for_requests(1)
        # Once the pipe is full, nothing more is taken from Codex, and the server rests.
        await until(_rests(process.pid), "the server waits for its client")
        assert resident_bytes(process.pid) < 100 * MIB
        process.stdin.close()
        with os.fdopen(read_end, "rb") as stdout:
            lines = await asyncio.to_thread(stdout.readlines)
        assert sum(b"agent_message_content_delta" in line for line in lines) == 20_000
        assert json.loads(lines[-1])["id"] == 1
        assert await asyncio.wait_for(process.wait(), 10) == 0


def _rests(pid: int) -> Callable[[], bool]:
    """Return what tells whether a process has used no CPU for half a second."""
    seen: list[tuple[float, int]] = []

    def look() -> bool:
        used = sum(map(int, _cpu_ticks(pid)))
        if not seen or seen[-1][1] != used:
            seen.append((time.monotonic(), used))
        return time.monotonic() - seen[-1][0] > 0.5

    return look


def _cpu_ticks(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]


@pytest.mark.timeout(180)
async def test_a_command_with_50_mb_of_output_is_survived(codex_home: Path, tmp_path: Path) -> None:
    command = "head -c 50000000 /dev/zero | tr '\\0' 'x' | fold -w 100"
    async with ScriptedModel([ShellCall(command), Text("done")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="danger-full-access")
            assert text_of(await result_of(client, 1, 120)) == "done"
            assert resident_bytes(server_of(codex_home)) < 200 * MIB


async def test_a_prompt_beyond_codexs_bound_is_refused_and_the_thread_goes_on(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Text("long"), Text("after")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            assert text_of(await call(client, 1, prompt="w" * MIB)) == "long"
            refused = await call(client, 2, prompt="w" * 4 * MIB)
            assert refused["isError"]
            assert "exceeds the maximum length of 1048576 characters" in text_of(refused)
            thread_id = thread_of(refused)
            after = await call(client, 3, "codex-reply", prompt="short", threadId=thread_id)
            assert text_of(after) == "after"


async def test_many_calls_leave_memory_and_descriptors_as_they_were(
    codex_home: Path, tmp_path: Path
) -> None:
    warm, more = 45, 60
    async with ScriptedModel([Text("ok")] * (warm + more)) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            for number in range(warm):
                await call(client, number, prompt="x")
                client.received.clear()
            pids = (server_of(codex_home), app_server_of(codex_home))
            before = [descriptors(pid) for pid in pids]
            memory = resident_bytes(pids[0])
            for number in range(warm, warm + more):
                await call(client, number, prompt="x")
                client.received.clear()
            after = [descriptors(pid) for pid in pids]
            assert all(now <= then + 8 for then, now in zip(before, after, strict=True))
            assert resident_bytes(pids[0]) < memory + 8 * MIB


async def test_a_line_beyond_all_bounds_ends_the_connection_with_the_reason(
    codex_home: Path, tmp_path: Path
) -> None:
    async with running(SERVER, environment(codex_home), tmp_path) as client:
        await client.send_line("x" * (65 * MIB))
        assert await client.wait_exit(30) == 1
        assert "sent a line longer than" in client.stderr
        assert "Traceback" not in client.stderr


async def test_an_unreachable_model_ends_the_call_with_the_cause(
    codex_home: Path, tmp_path: Path
) -> None:
    away = unreachable_base_url()
    env = environment(
        codex_home,
        OPENAI_API_KEY="sk-x",
        OPENAI_BASE_URL=away,
        # With the 7 of the default Codex goes on for 80 s.
        CODEXMCP_REQUEST_RETRIES="1",
    )
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        await start_call(client, 1, prompt="x")
        result = await result_of(client, 1, 60)
        assert result["isError"]
        assert f"502 Bad Gateway: cannot reach {away}: Connection refused" in text_of(result)
        assert f", url: {away}/responses" in text_of(result)
        told = json.dumps(client.received)
        # Nobody knows the URL of the key proxy.
        assert "http://127.0.0.1" not in told.replace(away, "")
        assert "sk-x" not in told + client.stderr


async def test_a_broken_codex_is_named_in_the_call(codex_home: Path, tmp_path: Path) -> None:
    fake = tmp_path / "codex"
    fake.write_text("#!/bin/sh\necho 'libssl is missing' >&2\nexit 127\n")
    fake.chmod(0o755)
    async with mcp_server(
        codex_home, tmp_path, env=environment(codex_home, CODEX_BIN=str(fake))
    ) as client:
        result = await call(client, 1, prompt="x")
        assert result["isError"]
        assert f"{fake} did not start as an app-server" in text_of(result)
        assert "libssl is missing" in text_of(result)
        assert "CODEX_BIN" in text_of(result)


async def test_a_codex_that_died_is_told_in_the_event_stream(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([ShellCall("sleep 302")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="danger-full-access")
            await event(client, "exec_command_begin")
            os.kill(app_server_of(codex_home), signal.SIGKILL)
            assert (await result_of(client, 1, 5))["isError"]
            await until(
                lambda: not any("sleep 302" in c for c in processes_of(codex_home).values()),
                "the command is gone",
            )


async def test_a_question_is_withdrawn_when_its_call_is_cancelled(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([escalated("touch x"), Text("after")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="workspace-write")
            question = await client.wait_for(
                lambda m: m.get("method") == "elicitation/create", "the question"
            )
            cancelled = {"method": "notifications/cancelled", "params": {"requestId": 1}}
            await client.send({"jsonrpc": "2.0", **cancelled})
            withdrawn = await client.wait_for(
                lambda m: m.get("method") == "notifications/cancelled", "the withdrawal"
            )
            assert withdrawn["params"]["requestId"] == question["id"]
            thread_id = question["params"]["threadId"]
            reply = await call(client, 2, "codex-reply", prompt="y", threadId=thread_id)
            assert text_of(reply) == "after"


async def test_an_archived_thread_is_taken_back_by_a_reply(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Text("one"), Text("two")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            thread_id = thread_of(await call(client, 1, prompt="x"))
        async with AppServer.launch(launch_options(codex_home, model.base_url)) as server:
            await server.call("thread/archive", {"threadId": thread_id})
        async with mcp_server(codex_home, tmp_path) as client:
            reply = await call(client, 1, "codex-reply", prompt="y", threadId=thread_id)
            assert text_of(reply) == "two"


async def test_more_threads_than_stay_loaded_can_all_be_continued(
    codex_home: Path, tmp_path: Path
) -> None:
    count = MAX_LOADED + 3
    script = [*(Text(f"first {n}") for n in range(count)), Text("again"), Text("more")]
    async with ScriptedModel(script) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            threads = [thread_of(await call(client, n, prompt="x")) for n in range(count)]
            for number, thread_id in ((100, threads[0]), (101, threads[-1])):
                reply = await call(client, number, "codex-reply", prompt="y", threadId=thread_id)
                assert "isError" not in reply
            rollouts = list((codex_home / "sessions").rglob("*.jsonl"))
            assert len(rollouts) == count
