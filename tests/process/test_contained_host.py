"""Codex in a container as the supervisor runs it, with an engine that loses its containers."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from codexmcp.appserver.answers import DECLINED
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.websocket import WebSocketStream
from codexmcp.codex.container.options import ContainerOptions
from codexmcp.codex.host import CodexHost
from codexmcp.codex.options import CodexOptions
from codexmcp.errors import AppServerClosedError
from codexmcp.jsonrpc.messages import Request
from tests.support import fake_engine
from tests.support.builds import pinned_codex
from tests.support.index_claim import FILE, claim, state_of
from tests.support.mcp_server import environment
from tests.support.processes import group_of, is_alive, until

BOUND_S = 20.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path has a bound that the folders of tests exceed.
    with tempfile.TemporaryDirectory(prefix="cms-") as made:
        yield Path(made)


@asynccontextmanager
async def hosting(
    codex_home: Path, folder: Path, *, keeps: bool = False
) -> AsyncIterator[CodexHost]:
    engine, env = fake_engine.install(folder, pinned_codex())
    launch = LaunchOptions(codex=pinned_codex(), env=environment(codex_home, **env))
    container = ContainerOptions(
        engine=engine,
        image="image",
        workspace=folder,
        user="1:1",
        seccomp=folder,
        home=codex_home if keeps else None,
        endpoint="http://127.0.0.1:9/v1",
        probes_sandbox=False,
    )
    options = CodexOptions(launch, None, container)
    async with CodexHost(options, folder / "codex.sock", lambda _line: None) as made:
        yield made
    assert fake_engine.containers(folder) == []
    assert not (folder / "codex.sock").is_symlink()


@pytest.fixture
async def host(codex_home: Path, folder: Path) -> AsyncIterator[CodexHost]:
    async with hosting(codex_home, folder) as made:
        yield made


async def _decline(_request: Request) -> object:
    return DECLINED


async def test_an_engine_that_loses_its_container_ends_every_connection_to_it(
    host: CodexHost, folder: Path
) -> None:
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(host.connect(on_request=_decline)) for _ in range(2)
        ]
        (container,) = fake_engine.containers(folder)
        assert host.pid is not None
        os.kill(host.pid, signal.SIGKILL)
        async with asyncio.timeout(BOUND_S):
            for codex in both:
                await codex.server.closed.wait()
        assert "docker was ended by SIGKILL" in str(both[0].server.closed_by)
        # It is of no use to anybody now, and is removed before another one starts.
        assert is_alive(container)
        async with host.connect(on_request=_decline) as codex:
            assert await codex.server.call("config/read", {"includeLayers": False})
            await until(lambda: not group_of(container), "the lost container is gone")
            assert len(fake_engine.containers(folder)) == 1


async def test_others_find_the_socket_where_the_supervisor_tells_them(
    host: CodexHost, folder: Path
) -> None:
    async with host.connect(on_request=_decline):
        assert host.socket == folder / "codex.sock"
        await (await WebSocketStream.open(host.socket)).close()


async def test_a_start_that_was_held_up_gets_another_container_while_the_first_is_being_removed(
    codex_home: Path, folder: Path
) -> None:
    # The first start makes the index; whoever was to fill it has been killed since.
    first, second = (hosting(codex_home, folder, keeps=True) for _ in range(2))
    async with first as host, host.connect(on_request=_decline):
        pass
    claim(codex_home / FILE)
    async with second as host, host.connect(on_request=_decline) as codex:
        assert await codex.server.call("config/read", {"includeLayers": False})
        assert len(fake_engine.containers(folder)) == 1
    assert state_of(codex_home / FILE)[0] == "complete"


async def test_an_engine_that_is_stopped_is_named_before_its_own_words(
    codex_home: Path, folder: Path
) -> None:
    async with hosting(codex_home, folder) as host:
        gone = "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"
        (folder / "docker").write_text(f"#!/bin/sh\necho '{gone}' >&2\nexit 125\n")
        with pytest.raises(AppServerClosedError) as raised:
            async with host.connect(on_request=_decline):
                raise AssertionError
    assert "the container engine docker is not running, or was stopped" in raised.value.reason
    assert gone in raised.value.stderr_tail
