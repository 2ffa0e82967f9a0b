"""A client whose supervisor takes long to start, or does not start at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.gate import Gate
from tests.support.processes import until
from tests.support.supervision import RefusedError, Station


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


async def test_a_client_has_its_tools_before_its_supervisor_is_up(
    here: Station, gate: Gate
) -> None:
    async with here.client("--tools", "codex,runs", env=gate.env) as client:
        # `client` is introduced: the relay has answered `initialize`.
        await client.raw.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        tools = {tool["name"] for tool in (await client.ask("tools/list"))["tools"]}
        assert {"codex", "codex_run"} <= tools
        with pytest.raises(RefusedError, match="method not found: server/discover"):
            await client.ask("server/discover")
        await until(here.supervisor_pids, "the start of the supervisor")
        assert not list(here.sockets.glob("*.sock"))
        starting = await client.send(
            "tools/call", name="codex_run", arguments={"prompt": "first", "wait_ms": 20_000}
        )
        await asyncio.to_thread(gate.open)
        assert (await client.answer(starting))["structuredContent"]["message"] == "done: first"
        assert {tool["name"] for tool in (await client.ask("tools/list"))["tools"]} == tools


async def test_the_first_call_says_why_no_supervisor_can_be_started(here: Station) -> None:
    config = here.home / "config.toml"
    text = config.read_text()
    config.write_text("this is no TOML")
    async with here.client() as client:
        assert (await client.ask("tools/list"))["tools"]
        with pytest.raises(RefusedError, match=r"config\.toml"):
            await client.tool("codex_runs")
        config.write_text(text)
        assert (await client.tool("codex_runs"))["runs"] == []


async def test_a_client_that_leaves_without_a_call_ends_with_why_there_is_no_supervisor(
    here: Station,
) -> None:
    (here.home / "config.toml").write_text("this is no TOML")
    async with here.client() as client:
        client.raw.close_stdin()
        assert await client.raw.wait_exit() == 78
    assert "config.toml" in client.raw.stderr


async def test_a_supervisor_comes_up_also_when_the_client_that_started_it_was_killed(
    here: Station, gate: Gate
) -> None:
    async with here.client(env=gate.env) as client:
        await until(here.supervisor_pids, "the start of the supervisor")
        (supervisor,) = here.supervisor_pids()
        await here.killed(client.pid)
    await asyncio.to_thread(gate.open)
    # Before that, a second client would start a supervisor of its own, which may win.
    await until(lambda: here.sockets.exists() and here.listening(), "its socket")
    async with here.client() as client:
        assert (await client.status())["pid"] == supervisor
