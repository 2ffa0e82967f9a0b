"""`persist.json` of a server that is killed while it writes."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.testing import ScriptedModel, ShellCall, Text
from tests.support.builds import NPM_VERSION, ORACLE_VERSION, codex_build
from tests.support.http_serving import Served, served, serving
from tests.support.real_app_server import Conversation, launch_options
from tests.support.supervision import kill, station

ROUNDS = 6


async def test_a_server_killed_while_it_writes_leaves_the_old_file_or_the_new(
    codex_home: Path,
) -> None:
    seen = 0
    async with station(codex_home) as here:
        for number in range(ROUNDS):
            async with serving(here) as server:
                telling = asyncio.create_task(_tell(server))
                await _until_written(server, seen)
                # Somewhere between two writes, or within one.
                await asyncio.sleep(0.03 * number)
                kill(server.pid)
                telling.cancel()
                await asyncio.wait({telling})
            counts = server.told()["counts"]["command-log"]
            assert counts["x"] >= seen
            seen = counts["x"]
            assert not server.persist.with_name("persist.json.broken").exists()


async def _tell(server: Served) -> None:
    with contextlib.suppress(OSError, AssertionError):
        while True:
            await server.post("/command-log", {"command": "x"})


async def _until_written(server: Served, seen: int) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError, KeyError):
                if server.told()["counts"]["command-log"]["x"] > seen:
                    return
            await asyncio.sleep(0.01)


async def test_sigterm_writes_what_was_told_last(codex_home: Path) -> None:
    async with served(codex_home) as server:
        await server.post("/set-project", {"project": "last"})
        stopped = await server.here.command("serve", "--stop")
        assert stopped.code == 0
        assert server.told()["project"] == "last"


@pytest.mark.parametrize("build", [ORACLE_VERSION, NPM_VERSION])
async def test_skills_of_sandboxed_turns_are_in_the_command_log(
    codex_home: Path, build: str
) -> None:
    for name in ("named", "found"):
        skill = codex_home / "skills" / name
        skill.mkdir(parents=True)
        text = f"---\nname: {name}\ndescription: Does {name}.\n---\nDo it.\n"
        (skill / "SKILL.md").write_text(text)
    reading = ShellCall(f"cat {codex_home}/skills/found/SKILL.md")
    async with served(codex_home) as server, ScriptedModel([reading, Text("ok")]) as model:
        options = launch_options(codex_home, model.base_url, codex=codex_build(build))
        async with AppServer.launch(options) as codex:
            # Its commands reach no network, and so no server.
            thread = await codex.start_thread(
                ThreadOptions(sandbox="read-only", approval_policy="never")
            )
            await Conversation(codex, thread.id).say("use $named, and what else helps")
        counts: dict[str, int] = {}
        async with asyncio.timeout(30):
            while counts != {"named": 1, "found": 1}:
                await asyncio.sleep(0.1)
                with contextlib.suppress(OSError, KeyError):
                    counts = server.told()["counts"]["command-log"]
        assert {each["client"] for each in server.told()["events"]} == {"codex"}
