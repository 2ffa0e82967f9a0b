"""A proxy on loopback that adds a header to each request: for clients that cannot send one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def adding(header: str, port: int) -> AsyncIterator[int]:
    """Forward requests to a port of this machine, and give the port to send them to.

    Args:
        header: The header, such as `Authorization: Bearer x`; one that a client sends is dropped.
        port: Where requests go.
    """
    name = header.partition(":")[0].lower()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip()
            dropped = (f"{name}:", "connection:")
            kept = [line for line in head.split("\r\n") if not line.lower().startswith(dropped)]
            # One request on a connection, so that no second one goes without the header.
            lines = [*kept, header, "Connection: close", "", ""]
            there, to = await asyncio.open_connection("127.0.0.1", port)
            to.write("\r\n".join(lines).encode("latin-1"))
            await asyncio.gather(_copy(reader, to), _copy(there, writer))
        writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
