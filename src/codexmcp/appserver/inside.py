"""Runs Codex inside a container: beside it, the way to the model, and the watch for our end.

Owns Codex and a port on the container's loopback. Promises: when stdin ends, which it does when the
engine's client dies however it may, Codex ends, and with it the container. Nothing but the standard
library is imported: this starts in every container.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import select
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Sequence

END_GRACE_S = 1.0
"""How long Codex may take to end by itself once stdin has ended."""

_EX_CONFIG = 78
_CHUNK_BYTES = 65536


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command until it or stdin ends; return its exit code.

    Args:
        argv: The arguments; None means those of the process.
    """
    parser = argparse.ArgumentParser(prog="codexmcp.appserver.inside")
    parser.add_argument("--probe-sandbox", action="store_true")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args(argv)
    if arguments.probe_sandbox and (trouble := _sandbox_trouble(arguments.command[0])):
        sys.stderr.write(
            f"Codex's own sandbox is blocked in the container, so that no command could run: "
            f"{trouble}; with --sandbox danger-full-access the container alone is the sandbox\n"
        )
        return _EX_CONFIG
    return asyncio.run(_run(arguments.command, arguments.socket, arguments.port))


async def _run(command: Sequence[str], socket: str, port: int) -> int:
    async with forwarding(socket, port):
        # It has our stdin: nothing is copied, and its end is seen without reading.
        codex = await asyncio.create_subprocess_exec(*command)
        left = asyncio.create_task(_stdin_ended())
        ended = asyncio.create_task(codex.wait())
        await asyncio.wait({left, ended}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({ended}, timeout=END_GRACE_S)
        if codex.returncode is None:
            codex.kill()
        left.cancel()
        return abs(await ended)


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


async def _stdin_ended() -> None:
    """Wait until nobody holds the other end of stdin, a pipe. Reads nothing from it."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def watch() -> None:
        poller = select.poll()
        # Without an event of its own it wakes at the end only.
        poller.register(0, 0)
        poller.poll()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()


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
