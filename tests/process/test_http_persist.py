"""`persist.json` of a server that is killed while it writes."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.support.http_serving import Served, served, serving
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
