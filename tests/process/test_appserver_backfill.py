"""What Codex leaves behind that is killed while it indexes its past conversations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from codexmcp.appserver.backfill import is_abandoned, standing_claim
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.shared import SharedAppServer
from codexmcp.testing import ScriptedModel, Text
from tests.support.builds import codex_build, pinned_codex
from tests.support.index_claim import FILE, claim, complete, held_open, state_of
from tests.support.processes import BOUND_S, until
from tests.support.real_app_server import conversation, launch_options

OLDEST = "0.153.4"
CONVERSATIONS = 3000

Start = Callable[[Path, Path], AbstractAsyncContextManager[AppServer]]


@contextlib.asynccontextmanager
async def on_pipes(home: Path, codex: Path) -> AsyncIterator[AppServer]:
    """Start an app-server on pipes."""
    async with AppServer.launch(launch_options(home, codex=codex)) as server:
        yield server


@contextlib.asynccontextmanager
async def on_a_socket(home: Path, codex: Path) -> AsyncIterator[AppServer]:
    """Start an app-server on a socket, and connect."""
    async with (
        SharedAppServer.launch(launch_options(home, codex=codex), home / "run" / "s") as shared,
        shared.connect() as server,
    ):
        yield server


async def started_once(home: Path, codex: Path) -> Path:
    """Have Codex make the databases of a home."""
    async with on_pipes(home, codex):
        pass
    return home / FILE


@pytest.mark.parametrize("start", [on_pipes, on_a_socket])
@pytest.mark.parametrize("build", ["pinned", OLDEST])
@pytest.mark.timeout(240)
async def test_the_claim_of_a_killed_codex_holds_up_no_start(
    codex_home: Path, build: str, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    codex = pinned_codex() if build == "pinned" else codex_build(build)
    file = await started_once(codex_home, codex)
    claim(file)

    async with start(codex_home, codex) as server:
        assert await server.call("config/read", {})

    assert state_of(file)[0] == "complete"
    assert "unfinished" in caplog.text


async def test_ten_starts_at_once_get_past_the_claim_of_a_killed_codex(codex_home: Path) -> None:
    claim(await started_once(codex_home, pinned_codex()))

    async def begin() -> None:
        async with on_pipes(codex_home, pinned_codex()) as server:
            await server.call("config/read", {})

    async with asyncio.TaskGroup() as starts:
        for _ in range(10):
            starts.create_task(begin())


@pytest.mark.parametrize("start", [on_pipes, on_a_socket])
async def test_a_start_waits_while_another_process_fills_the_index(
    codex_home: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = await started_once(codex_home, pinned_codex())
    claim(file)

    async def begin() -> None:
        async with start(codex_home, pinned_codex()) as server:
            await server.call("config/read", {})

    async with held_open(file):
        starting = asyncio.create_task(begin())
        # Codex says so on its stderr.
        await until(lambda: "backfill is running" in caplog.text, "Codex waits")
        assert state_of(file)[0] == "running"
        assert not starting.done()
        complete(file)
        async with asyncio.timeout(BOUND_S):
            await starting


async def test_the_next_codex_goes_on_where_a_killed_one_was_indexing(codex_home: Path) -> None:
    await record_conversations(codex_home)
    starting = asyncio.create_task(started_once(codex_home, pinned_codex()))
    await until(lambda: has_begun(codex_home), "some conversations are indexed")
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    claimed = standing_claim(codex_home)
    assert claimed is not None
    assert is_abandoned(claimed)

    async with on_pipes(codex_home, pinned_codex()):
        assert standing_claim(codex_home) is None

    with contextlib.closing(sqlite3.connect(codex_home / FILE)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM threads").fetchone() == (CONVERSATIONS,)


def has_begun(home: Path) -> bool:
    claimed = standing_claim(home)
    return claimed is not None and bool(claimed.done_to)


async def record_conversations(home: Path) -> None:
    """Leave as many rollouts as take a while to be indexed."""
    async with ScriptedModel() as model:
        model.add(Text("hello"))
        async with conversation(home, model) as talk:
            await talk.say("greet")
            first = talk.thread_id
    multiply(home, first)


def multiply(home: Path, first: str) -> None:
    """Copy the one rollout that there is, and drop the index."""
    (rollout,) = home.glob("sessions/**/*.jsonl")
    text = rollout.read_text()
    for _ in range(CONVERSATIONS - 1):
        other = str(uuid.uuid4())
        rollout.with_name(rollout.name.replace(first, other)).write_text(text.replace(first, other))
    for file in home.glob("*.sqlite*"):
        file.unlink()


async def test_several_app_servers_start_at_once_on_a_new_home(codex_home: Path) -> None:
    async def start() -> None:
        async with on_pipes(codex_home, pinned_codex()):
            pass

    await asyncio.gather(*(start() for _ in range(4)))
