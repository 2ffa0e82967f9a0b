"""The program inside a container: runs Codex, forwards the connections in and out, detects the end.

Owns Codex and a port on the container's loopback. Promises: the end of stdin, also caused by any
death of the engine's client, ends Codex and the container; no process in the container can use the
socket for outside clients. Imports only the standard library and modules with equally cheap
imports: this program starts in every container.
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

from codexmcp.appserver.endings import explanation
from codexmcp.data_classes import dataclass

END_GRACE_S = 1.0
"""Time for Codex to end by itself after the end of stdin."""

TERM_GRACE_S = 0.3
"""Time for a Codex with a listening socket to end after the first SIGTERM.

Source: such a Codex ignores the end of stdin. At the first SIGTERM, Codex waits for running turns;
at the second, Codex ends the commands and itself, unless hanging, as seen in a container for more
than a second (measured on 0.163.0)."""

_EX_CONFIG = 78
_CHUNK_BYTES = 65536
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class InboundSockets:
    """Access from outside to a Codex with a listening socket.

    Attributes:
        serve: Path of the socket for outside clients.
        codex: Path of Codex's socket.
    """

    serve: str
    codex: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command until its end or the end of stdin; return the exit code.

    Args:
        argv: The arguments. None: the process's arguments.
    """
    parser = argparse.ArgumentParser(prog="codexmcp.codex.container.inside")
    parser.add_argument("--probe-sandbox", action="store_true")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--serve")
    parser.add_argument("--codex-socket")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args(argv)
    if arguments.probe_sandbox and (fault := _sandbox_fault(arguments.command[0])):
        sys.stderr.write(
            f"Codex's own sandbox is blocked in the container, so that no command could run: "
            f"{fault}; with --sandbox danger-full-access (for a supervisor: -c "
            "sandbox_mode=danger-full-access) the container alone is the sandbox\n"
        )
        return _EX_CONFIG
    inbound = InboundSockets(arguments.serve, arguments.codex_socket) if arguments.serve else None
    return asyncio.run(_run(arguments.command, arguments.socket, arguments.port, inbound))


async def _run(
    command: Sequence[str], socket: str, port: int, inbound: InboundSockets | None
) -> int:
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(forwarding(socket, port))
        if inbound is not None:
            await stack.enter_async_context(serving(inbound))
        left = asyncio.create_task(_left(heeds_signal=inbound is not None).wait())
        # Codex inherits stdin: nothing is copied, and the end is detected without reading.
        codex = await asyncio.create_subprocess_exec(*command)
        ended = asyncio.create_task(codex.wait())
        await asyncio.wait({left, ended}, return_when=asyncio.FIRST_COMPLETED)
        await _end(codex, ended, by_signals=inbound is not None)
        left.cancel()
        code = await ended
        if why := explanation("codex", code, ""):
            sys.stderr.write(f"{why}\n")
        return abs(code)


async def _end(
    codex: asyncio.subprocess.Process, ended: asyncio.Task[int], *, by_signals: bool
) -> None:
    if not by_signals:
        # Codex notices the end of stdin.
        await asyncio.wait({ended}, timeout=END_GRACE_S)
    for _ in range(2 if by_signals else 0):
        if codex.returncode is None:
            codex.terminate()
            await asyncio.wait({ended}, timeout=TERM_GRACE_S)
    if codex.returncode is None:
        codex.kill()


@contextlib.asynccontextmanager
async def forwarding(socket: str, port: int) -> AsyncGenerator[None, None]:
    """Forward connections from a loopback port to a unix socket during the block."""

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
async def serving(inbound: InboundSockets) -> AsyncGenerator[None, None]:
    """Forward connections from outside the container to Codex during the block."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if comes_from_outside(writer.get_extra_info("socket")):
                await join(reader, writer, *await asyncio.open_unix_connection(inbound.codex))
        writer.close()

    os.makedirs(os.path.dirname(inbound.codex), mode=0o700, exist_ok=True)  # noqa: PTH103, PTH120
    server = await asyncio.start_unix_server(forward, inbound.serve)
    try:
        yield
    finally:
        server.close()


def comes_from_outside(connection: socket.socket) -> bool:
    """Return whether the peer of a unix socket is outside this container.

    Source: unix(7), pid_namespaces(7): a process without an id in this namespace has the id 0.
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
    """Copy between two connections until both directions have ended, or either is broken."""
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
    """Return an event, set at the close of stdin's other end, or at SIGTERM if enabled.

    Nothing is read from stdin, which is a pipe.
    """
    loop, left = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        poller = select.poll()
        # Without requested events, poll wakes only at the hang-up.
        poller.register(0, 0)
        poller.poll()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(left.set)

    threading.Thread(target=watch, daemon=True).start()
    if heeds_signal:
        loop.add_signal_handler(signal.SIGTERM, left.set)
    return left


def _sandbox_fault(codex: str) -> str:
    """Return the fault of Codex's sandbox; empty if working.

    Source: app-server reports no fault; each command just fails (measured on 0.163.0).
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
