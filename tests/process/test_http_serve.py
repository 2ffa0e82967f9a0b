"""`codexmcp serve --http`: its start, its end, its tokens, the runs behind it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from codexmcp.testing import ShellCall
from tests.support.http_serving import Served, served, serving
from tests.support.processes import is_alive, until
from tests.support.supervision import kill, station

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it is what is under test


async def test_the_first_start_makes_a_token_for_its_user_alone(codex_home: Path) -> None:
    async with station(codex_home) as here:
        async with serving(here) as server:
            first = server.token
            folder = codex_home / ".agentos"
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
            assert (await server.rpc("tools/list")).status == 200
            kill(server.pid, signal.SIGTERM)
            await until(lambda: not is_alive(server.pid), "it ends")
        async with serving(here) as server:
            assert server.token == first
        assert first not in here.log


async def test_a_new_token_holds_for_a_server_that_runs(codex_home: Path) -> None:
    async with served(codex_home) as server:
        old = server.token
        rotated = await server.here.command("serve", "--rotate-token")
        assert (rotated.code, rotated.out) == (0, "")
        assert server.token not in rotated.err
        assert (await server.rpc("tools/list", old)).status == 401
        assert (await server.rpc("tools/list")).status == 200
        added = await server.here.command("serve", "--add-token", "ci", "--scopes", "read,git")
        secret = added.out.strip()
        listed = (await server.rpc("tools/list", secret)).fields["result"]["tools"]
        assert {"agentOS_fs_read", "agentOS_git_push"} <= {tool["name"] for tool in listed}
        assert not {"agentOS_fs_write", "codex_run"} & {tool["name"] for tool in listed}
        assert secret not in (server.here.home / ".agentos" / "tokens.toml").read_text()
        tokens = await server.here.command("serve", "--list-tokens", "--json")
        assert json.loads(tokens.out)["ci"] == ["git", "read"]
        assert (await server.here.command("serve", "--remove-token", "ci")).code == 0
        assert (await server.rpc("tools/list", secret)).status == 401
        again = await server.here.command("serve", "--remove-token", "ci")
        assert (again.code, "there is no token ci" in again.err) == (2, True)
        assert secret not in server.here.log


async def test_a_server_with_the_token_of_its_environment(codex_home: Path) -> None:
    env = {"AGENTOS_TOKEN": "given-by-the-environment"}
    async with served(codex_home, env=env) as server:
        assert (await server.rpc("tools/list", env["AGENTOS_TOKEN"])).status == 200
        assert not (codex_home / ".agentos" / "token").exists()
        words = [*server.here.processes().values(), server.here.log]
        assert env["AGENTOS_TOKEN"] not in "\n".join(words)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--host", EVERYWHERE], 2, "--allow-remote"),
        (["--host", "::"], 2, "--allow-remote"),
        (
            ["--host", "no.such.host.invalid", "--allow-remote"],
            78,
            "not an address of this machine",
        ),
        (["--host", "203.0.113.7", "--allow-remote"], 78, "cannot listen on"),
        (["--path", "mcp"], 2, "--path"),
        (["--path", "/status"], 2, "is taken"),
        (["--idle-exit", "5"], 2, "--idle-exit"),
        (["--fs-root", "/no/such/folder"], 78, "/no/such/folder"),
        (["--port", "70000"], 2, "70000"),
    ],
)
async def test_what_cannot_be_served_is_refused_and_leaves_nothing(
    codex_home: Path, words: list[str], code: int, message: str
) -> None:
    async with station(codex_home) as here:
        ended = await here.command("serve", "--http", "--port", "0", *words)
        assert ended.code == code, ended
        assert message in ended.err
        assert "Traceback" not in ended.err
        await here.emptied()


async def test_a_port_that_is_taken_is_named(codex_home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with station(codex_home) as here:
            ended = await here.command("serve", "--http", "--port", port)
            assert ended.code == 78, ended
            assert f"another program listens on 127.0.0.1:{port}" in ended.err
            assert "Traceback" not in ended.err
            await here.emptied()


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
async def test_a_token_that_others_can_read_is_refused_with_the_remedy(
    codex_home: Path, mode: int
) -> None:
    folder = codex_home / ".agentos"
    folder.mkdir(mode=0o700)
    (folder / "token").write_text("x" * 40)
    (folder / "token").chmod(mode)
    async with station(codex_home) as here:
        ended = await here.command("serve", "--http", "--port", "0")
    assert ended.code == 78
    assert f"chmod 600 {folder}/token" in ended.err
    assert "x" * 40 not in ended.err


async def test_ten_starts_at_once_make_one_token(codex_home: Path) -> None:
    async with station(codex_home) as here:
        # All but one are refused, after the token was made.
        starts = [
            asyncio.create_task(here.command("serve", "--add-token", f"t{n}", "--scopes", "read"))
            for n in range(10)
        ]
        added = [await start for start in starts]
        assert [each.code for each in added] == [0] * 10
        listed = await here.command("serve", "--list-tokens", "--json")
    assert sorted(json.loads(listed.out)) == sorted(f"t{n}" for n in range(10))


async def test_status_tells_whether_http_is_up(codex_home: Path) -> None:
    async with station(codex_home) as here:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        asked = ["serve", "--status", "--http", "--port", port]
        down = await here.command(*asked)
        assert (down.code, "down" in down.out) == (3, True)
        async with serving(here, "--port", port):
            for words in (asked, ["serve", "--status"]):
                up = await here.command(*words)
                assert (up.code, f"up at http://127.0.0.1:{port}/mcp" in up.out) == (0, True)
            told = json.loads((await here.command(*asked, "--json")).out)
            assert told["http"] == {"url": f"http://127.0.0.1:{port}/mcp", "up": True}
        await until(lambda: not here.supervisor_pids(), "it is gone")
        down = await here.command(*asked, "--json")
        assert down.code == 3
        assert json.loads(down.out)["http"]["up"] is False


async def test_another_program_on_the_port_is_not_taken_for_ours(codex_home: Path) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    listening = await asyncio.start_server(other, "127.0.0.1", 0)
    async with listening, station(codex_home) as here:
        port = str(listening.sockets[0].getsockname()[1])
        down = await here.command("serve", "--status", "--http", "--port", port)
    assert down.code == 3


async def test_a_run_is_started_waited_for_with_progress_and_read(codex_home: Path) -> None:
    told: list[str | None] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async with served(codex_home) as server, server.client() as client:
        release = server.here.model.hold("slow")
        started = await client.call_tool("codex_run", {"prompt": "slow", "cwd": str(server.root)})
        run_id = _fields(started)["runId"]
        wait = client.call_tool("codex_wait", {"run_id": run_id}, progress_callback=on_progress)
        waiting = asyncio.create_task(wait)
        await until(lambda: told, "progress is told")
        release.set()
        ended = _fields(await waiting)
        assert (ended["status"], ended["message"]) == ("completed", "done: slow")
        listed = await server.tool("codex_runs")
        assert [each["runId"] for each in listed["runs"]] == [run_id]


def _fields(result: Any) -> dict[str, Any]:
    assert not result.is_error, result
    fields: dict[str, Any] = result.structured_content
    return fields


async def test_a_client_that_goes_away_ends_its_wait_and_not_the_run(codex_home: Path) -> None:
    async with served(codex_home) as server:
        release = server.here.model.hold("slow")
        run = await server.tool("codex_run", prompt="slow", cwd=str(server.root))
        call = server.rpc("tools/call", name="codex_wait", arguments={"run_id": run["runId"]})
        waiting = asyncio.create_task(call)
        await server.here.model.wait_until_asked("slow")
        waiting.cancel()
        release.set()
        ended = await server.tool("codex_wait", run_id=run["runId"])
    assert ended["status"] == "completed"


async def test_a_policy_of_the_server_holds_for_runs_over_http(codex_home: Path) -> None:
    async with served(codex_home, "--sandbox", "read-only") as server:
        wide = await server.failing("codex_run", prompt="x", sandbox="danger-full-access")
        assert "read-only" in wide
        ended = await server.tool("codex_run", prompt="x", cwd=str(server.root), wait_ms=20_000)
    assert ended["status"] == "completed"


async def test_sigterm_lets_a_run_end_and_its_wait_with_it(codex_home: Path) -> None:
    async with served(codex_home) as server:
        release = server.here.model.hold("slow")
        run = await server.tool("codex_run", prompt="slow", cwd=str(server.root))
        call = server.tool("codex_wait", run_id=run["runId"])
        waiting = asyncio.create_task(call)
        await server.here.model.wait_until_asked("slow")
        kill(server.pid, signal.SIGTERM)
        await _until_unready(server)
        release.set()
        assert (await waiting)["status"] == "completed"
        await until(lambda: not is_alive(server.pid), "it ends")
        await server.here.emptied()
        assert "Traceback" not in server.here.log


async def _until_unready(server: Served) -> None:
    async with asyncio.timeout(10):
        while (await server.ask("/readyz")).status != 503:
            pass


async def test_kill_nine_leaves_a_port_that_can_be_had_again(codex_home: Path) -> None:
    async with station(codex_home) as here:
        async with serving(here) as server:
            port = server.port
            await here.killed(server.pid)
        async with serving(here, "--port", str(port)) as again:
            assert (await again.rpc("tools/list")).status == 200


async def test_commands_of_runs_cannot_read_the_token(codex_home: Path) -> None:
    withheld = codex_home.parent / "withheld.txt"
    withheld.write_text("what is withheld")
    env = {"AGENTOS_TOKEN_COPY": "x", "CODEXMCP_WITHHELD": str(withheld)}
    async with served(codex_home, env=env) as server:
        token_file = codex_home / ".agentos" / "token"
        command = f"cat {token_file} {withheld}; env > seen.txt"
        server.here.model.on("look", ShellCall(command))
        ended = await server.tool("codex_run", prompt="look", cwd=str(server.root), wait_ms=25_000)
        assert ended["status"] == "completed"
        (asked,) = [request for request in server.here.model.requests if request.turn.steps]
        assert server.token not in json.dumps(asked.body)
        assert withheld.read_text() not in json.dumps(asked.body)
        assert "AGENTOS" not in (server.root / "seen.txt").read_text()


async def test_tokens_and_the_codex_home_are_served_to_nobody(codex_home: Path) -> None:
    home = codex_home.name
    async with served(codex_home, "--fs-root", str(codex_home.parent)) as server:
        token = codex_home / ".agentos" / "token"
        for path in (f"{home}/.agentos/token", f"{home}/config.toml", str(token)):
            said = await server.failing("agentOS_fs_read", path=path)
            assert server.token not in said
            await server.failing("agentOS_fs_write", path=path, content="x")
        hidden = {"include_hidden": True, "include_ignored": True}
        found = await server.rpc(
            "tools/call",
            name="agentOS_fs_search",
            arguments={"pattern": server.token, "path": home, **hidden},
        )
        assert not found.fields["result"].get("structuredContent", {}).get("matches")


async def test_what_the_server_works_with_is_served_to_nobody_wherever_it_lies(
    codex_home: Path,
) -> None:
    folder = codex_home.parent
    (folder / "openai.key").write_text("sk-withheld")
    env = {
        "CODEX_MCP_WRAPPER_POINTER_DIR": str(folder / "store"),
        "CODEX_MCP_WRAPPER_RUN_DIR": str(folder / "audit"),
        "CODEXMCP_WITHHELD": str(folder / "openai.key"),
    }
    async with served(codex_home, "--fs-root", str(folder), env=env) as server:
        for path in ("store/runs.sqlite3", "audit/index.jsonl", "openai.key"):
            for tool, more in (("read", {}), ("write", {"content": "x", "create_parents": True})):
                said = await server.failing(f"agentOS_fs_{tool}", path=path, **more)
                assert "sk-withheld" not in said
    assert (folder / "openai.key").read_text() == "sk-withheld"


async def test_a_token_in_a_prompt_is_not_kept_in_the_audit_files(codex_home: Path) -> None:
    async with served(codex_home) as server:
        prompt = f"use {server.token}"
        await server.tool("codex_run", prompt=prompt, cwd=str(server.root), wait_ms=25_000)
        kept = [path for path in (server.root / ".codex").rglob("*") if path.is_file()]
        assert kept
        assert not [path for path in kept if server.token.encode() in path.read_bytes()]


async def test_a_remote_address_wants_a_token_for_telemetry_too(codex_home: Path) -> None:
    async with served(codex_home, "--host", EVERYWHERE, "--allow-remote") as server:
        assert (await server.post("/command-log", {"command": "x"})).status == 401
        assert (await server.ask("/status")).status == 401
        assert (await server.ask("/healthz")).status == 200
        assert (await server.rpc("tools/list")).status == 200
        named = await server.ask("/healthz", headers={"Host": "evil.example"})
        assert named.status == 421
        status = await server.here.command(
            "serve", "--status", "--http", "--port", str(server.port)
        )
        assert status.code == 0


async def test_two_servers_of_one_home_do_not_share_the_file_of_telemetry(
    codex_home: Path,
) -> None:
    async with served(codex_home) as server:
        # Other options of Codex make another supervisor.
        words = ["serve", "--http", "--port", "0", "--config", "hide_agent_reasoning=true"]
        second = await server.here.command(*words)
        assert second.code == 78
        assert "another `codexmcp serve --http` of this Codex home" in second.err
