"""A SOCKS5 proxy that leads every host to one port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.loopback_server import join, serving


@contextlib.asynccontextmanager
async def socks_proxy(
    port: int, *, password: str = "", reply: int = 0
) -> AsyncIterator[tuple[str, list[str]]]:
    """Run a proxy; give its address and the hosts that are asked for.

    Args:
        port: The port that stands for every host.
        password: What the user `me` has to give; empty for nothing.
        reply: What it answers to a request; 0 leads on.
    """
    asked: list[str] = []

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        await reader.readexactly(count)
        writer.write(bytes([5, 2 if password else 0]))
        if password:
            await reader.readexactly(1)
            name = await reader.readexactly((await reader.readexactly(1))[0])
            given = await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(bytes([1, int((name, given) != (b"me", password.encode()))]))
        size = (await reader.readexactly(5))[4]
        asked.append((await reader.readexactly(size + 2))[:size].decode())
        writer.write(bytes([5, reply, 0, 3, 1]) + b"x" + bytes(2))
        if reply == 0:
            await join(reader, writer, port)

    async with serving(lead) as own_port:
        yield f"127.0.0.1:{own_port}", asked
