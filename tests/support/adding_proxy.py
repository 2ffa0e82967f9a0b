"""A proxy on loopback that adds a header to each request: for clients that cannot send one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.support.loopback_server import pipe, serving


@contextlib.asynccontextmanager
async def adding(header: str, port: int) -> AsyncIterator[int]:
    """Forward requests to a port of this machine, and give the port to send them to.

    Args:
        header: The header, such as `Authorization: Bearer x`; one that a client sends is dropped.
        port: Where requests go.
    """
    name = header.partition(":")[0].lower()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip()
        dropped = (f"{name}:", "connection:")
        kept = [line for line in head.split("\r\n") if not line.lower().startswith(dropped)]
        # One request on a connection, so that no second one goes without the header.
        lines = [*kept, header, "Connection: close", "", ""]
        there, to = await asyncio.open_connection("127.0.0.1", port)
        to.write("\r\n".join(lines).encode("latin-1"))
        await pipe(reader, writer, there, to)

    async with serving(forward) as own_port:
        yield own_port
