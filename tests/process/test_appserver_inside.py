"""What runs beside Codex in a container, as a process of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.processes import group_of, until

BOUND_S = 20.0
CHUNK = b"x" * 100_000


@pytest.fixture
def socket() -> Iterator[Path]:
    # A socket's path has a bound that the folders of tests exceed.
    with tempfile.TemporaryDirectory(prefix="inside-") as folder:
        yield Path(folder) / "s"


def way_in(socket: Path) -> tuple[Path, Path]:
    """Return where those outside come, and where Codex listens."""
    return socket.parent / "serve", socket.parent / "own" / "codex"


@asynccontextmanager
async def inside(
    socket: Path, port: int, *command: str, serve: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    module = ("-P", "-m", "codexmcp.codex.container.inside")
    options = [f"--socket={socket}", f"--port={port}"]
    if serve:
        outer, codex = way_in(socket)
        options += [f"--serve={outer}", f"--codex-socket={codex}"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *module, *options, "--", *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        async with asyncio.timeout(BOUND_S):
            yield process
    finally:
        process.stdin.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_command_has_stdin_and_stdout_and_its_exit_code_is_passed_on(
    socket: Path, unused_tcp_port: int
) -> None:
    async with inside(socket, unused_tcp_port, "sh", "-c", "head -c 3; exit 7") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"abc")
        assert await process.stdout.read() == b"abc"
        assert await process.wait() == 7


async def test_when_stdin_ends_a_command_that_does_not_read_it_ends_too(
    socket: Path, unused_tcp_port: int
) -> None:
    async with inside(socket, unused_tcp_port, "sh", "-c", "echo up; exec sleep 600") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        # Unread input must not hide the end.
        process.stdin.write(b"unread\n")
        await process.stdin.drain()
        process.stdin.close()
        await process.wait()
        await until(lambda: not group_of(process.pid), "the command is gone as well")


async def test_connections_to_the_port_are_led_to_the_socket(
    socket: Path, unused_tcp_port: int
) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.close()

    server = await asyncio.start_unix_server(upper, socket)
    async with server, inside(socket, unused_tcp_port, "sh", "-c", "echo up; exec cat") as process:
        assert process.stdout is not None
        await process.stdout.readline()

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            writer.write(CHUNK)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            return answer

        assert await asyncio.gather(*(ask() for _ in range(8))) == [CHUNK.upper()] * 8


async def test_a_model_that_nobody_listens_for_ends_its_connection(
    socket: Path, unused_tcp_port: int
) -> None:
    async with inside(socket, unused_tcp_port, "sh", "-c", "echo up; exec cat") as process:
        assert process.stdout is not None
        await process.stdout.readline()
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        assert await reader.read() == b""
        writer.close()


async def test_a_listening_command_is_asked_to_end_twice_when_stdin_ends_and_then_killed(
    socket: Path, unused_tcp_port: int
) -> None:
    heeds = "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done"
    async with inside(socket, unused_tcp_port, "bash", "-c", heeds, serve=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert await process.stdout.readline() == b"up\n"
        process.stdin.close()
        assert await process.stdout.read() == b"asked\nasked\n"
        assert await process.wait() == signal.SIGKILL


async def test_a_signal_ends_a_listening_command_as_well(
    socket: Path, unused_tcp_port: int
) -> None:
    command = ("sh", "-c", "echo up; exec sleep 600")
    async with inside(socket, unused_tcp_port, *command, serve=True) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        process.terminate()
        assert await process.wait() == signal.SIGTERM


async def test_whoever_is_no_stranger_to_the_container_does_not_come_in(
    socket: Path, unused_tcp_port: int
) -> None:
    came = asyncio.Event()

    def on_connection(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        writer.close()

    command = ("sh", "-c", "echo up; exec cat")
    async with inside(socket, unused_tcp_port, *command, serve=True) as process:
        assert process.stdout is not None
        await process.stdout.readline()
        codex = await asyncio.start_unix_server(on_connection, way_in(socket)[1])
        async with codex:
            reader, writer = await asyncio.open_unix_connection(way_in(socket)[0])
            assert await reader.read() == b""
            writer.close()
            assert not came.is_set()


async def test_a_blocked_sandbox_is_told_before_anything_runs(socket: Path, tmp_path: Path) -> None:
    codex = tmp_path / "codex"
    codex.write_text('#!/bin/sh\n[ "$1" = sandbox ] && echo "bwrap: no" >&2 && exit 1\necho ran\n')
    codex.chmod(0o755)
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "codexmcp.codex.container.inside", "--probe-sandbox"),
        *(f"--socket={socket}", "--port=1", "--", str(codex), "app-server"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ,
    )
    async with asyncio.timeout(BOUND_S):
        out, err = await ran.communicate()
    assert (ran.returncode, out) == (78, b"")
    assert b"bwrap: no; with --sandbox danger-full-access" in err
