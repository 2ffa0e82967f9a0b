"""Runs Codex inside a container: beside it the ways to the model and in, and the watch for our end.

Owns Codex and a port on the container's loopback. Promises: when stdin ends, which it does when the
engine's client dies however it may, Codex ends, and with it the container; and nobody in the
container comes in by the way that is for those outside. Nothing but the standard library is
imported: this starts in every container.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

END_GRACE_S = 1.0
"""How long Codex may take to end by itself once stdin has ended."""

TERM_GRACE_S = 0.3
"""How long a Codex that listens on a socket may take to end after its first SIGTERM.

Source: it does not notice the end of stdin then. At the first SIGTERM it waits for running turns,
at the second it ends their commands, and itself unless it hangs, as it did in a container for more
than a second (measured on 0.163.0).
"""

_EX_CONFIG = 78
_CHUNK_BYTES = 65536
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class WayIn:
    """How those outside reach a Codex that listens on a socket.

    Attributes:
        serve: Path of the socket for them.
        codex: Path of the socket that Codex listens on.
    """

    serve: str
    codex: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command until it or stdin ends; return its exit code.

    Args:
        argv: The arguments; None means those of the process.
    """
    parser = argparse.ArgumentParser(prog="codexmcp.appserver.inside")
    parser.add_argument("--probe-sandbox", action="store_true")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--serve")
    parser.add_argument("--codex-socket")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args(argv)
    if arguments.probe_sandbox and (trouble := _sandbox_trouble(arguments.command[0])):
        sys.stderr.write(
            f"Codex's own sandbox is blocked in the container, so that no command could run: "
            f"{trouble}; with --sandbox danger-full-access (for a supervisor: -c "
            "sandbox_mode=danger-full-access) the container alone is the sandbox\n"
        )
        return _EX_CONFIG
    way_in = WayIn(arguments.serve, arguments.codex_socket) if arguments.serve else None
    return asyncio.run(_run(arguments.command, arguments.socket, arguments.port, way_in))


async def _run(command: Sequence[str], socket: str, port: int, way_in: WayIn | None) -> int:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(forwarding(socket, port))
        if way_in is not None:
            await stack.enter_async_context(serving(way_in))
        left = asyncio.create_task(_left(heeds_signal=way_in is not None).wait())
        # It has our stdin: nothing is copied, and its end is seen without reading.
        codex = await asyncio.create_subprocess_exec(*command)
        ended = asyncio.create_task(codex.wait())
        await asyncio.wait({left, ended}, return_when=asyncio.FIRST_COMPLETED)
        await _end(codex, ended, by_signals=way_in is not None)
        left.cancel()
        return abs(await ended)


async def _end(
    codex: asyncio.subprocess.Process, ended: asyncio.Task[int], *, by_signals: bool
) -> None:
    if not by_signals:
        # It sees the end of stdin itself.
        await asyncio.wait({ended}, timeout=END_GRACE_S)
    for _ in range(2 if by_signals else 0):
        if codex.returncode is None:
            codex.terminate()
            await asyncio.wait({ended}, timeout=TERM_GRACE_S)
    if codex.returncode is None:
        codex.kill()


@contextlib.asynccontextmanager
async def forwarding(socket: str, port: int) -> AsyncGenerator[None, None]:
    """Lead each connection to a port of this loopback on to a unix socket while the block runs."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await join(reader, writer, *await asyncio.open_unix_connection(socket))
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


@contextlib.asynccontextmanager
async def serving(way_in: WayIn) -> AsyncGenerator[None, None]:
    """Lead those who come from outside of the container on to Codex while the block runs."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if comes_from_outside(writer.get_extra_info("socket")):
                await join(reader, writer, *await asyncio.open_unix_connection(way_in.codex))
        writer.close()

    os.makedirs(os.path.dirname(way_in.codex), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    server = await asyncio.start_unix_server(forward, way_in.serve)
    try:
        yield
    finally:
        server.close()


def comes_from_outside(connection: socket.socket) -> bool:
    """Return whether the other end of a unix socket is a process of another container or the host.

    Source: unix(7), pid_namespaces(7): a process that has no id in our namespace has the id 0.
    """
    size = _CREDENTIALS.size
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid, _, _ = _CREDENTIALS.unpack(credentials)
    return bool(pid == 0)


async def join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    """Copy between two connections until both directions have ended, or one is broken."""
    copying = {
        asyncio.create_task(_copy(reader, far_writer)),
        asyncio.create_task(_copy(far_reader, writer)),
    }
    try:
        _, pending = await asyncio.wait(copying, return_when=asyncio.FIRST_EXCEPTION)
        for each in pending:
            each.cancel()
        await asyncio.gather(*copying, return_exceptions=True)
    finally:
        for each in copying:
            each.cancel()
        far_writer.close()
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def _left(*, heeds_signal: bool) -> asyncio.Event:
    """Return what is set once nobody holds the other end of stdin, or at SIGTERM if it is heeded.

    Nothing is read from stdin, which is a pipe.
    """
    loop, left = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        poller = select.poll()
        # Without an event of its own it wakes at the end only.
        poller.register(0, 0)
        poller.poll()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(left.set)

    threading.Thread(target=watch, daemon=True).start()
    if heeds_signal:
        loop.add_signal_handler(signal.SIGTERM, left.set)
    return left


def _sandbox_trouble(codex: str) -> str:
    """Return why Codex's sandbox does not work; empty if it does.

    Source: app-server itself does not say so; each command just fails (measured on 0.163.0).
    """
    ran = subprocess.run(  # noqa: PLW1510 - its exit code is what is asked for
        [codex, "sandbox", "--", "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if ran.returncode == 0:
        return ""
    said = ran.stderr.strip().splitlines()
    return said[0] if said else f"`codex sandbox` exited with code {ran.returncode}"


if __name__ == "__main__":
    sys.exit(main())
