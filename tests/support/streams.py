"""Two byte streams in memory, each of which reads what the other writes."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class MemoryStream:
    """One end of a pair; make one with `stream_pair`.

    Attributes:
        can_drain: While it is cleared, `drain` waits, as for a peer that does not read.
    """

    def __init__(self, incoming: asyncio.Queue[bytes], outgoing: asyncio.Queue[bytes]) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._closed = False
        self.can_drain = asyncio.Event()
        self.can_drain.set()

    async def read(self) -> bytes:
        return await self._incoming.get()

    def write(self, data: bytes) -> None:
        if not self._closed:
            self._outgoing.put_nowait(data)

    async def drain(self) -> None:
        await self.can_drain.wait()

    def close(self) -> None:
        """End the stream for the other side."""
        if not self._closed:
            self._closed = True
            self._outgoing.put_nowait(b"")

    def write_message(self, message: dict[str, Any]) -> None:
        """Write one message as a line."""
        self.write(json.dumps(message).encode() + b"\n")

    async def read_message(self) -> dict[str, Any]:
        """Return the next message; the writer has put each into one piece."""
        message = json.loads(await self.read())
        assert isinstance(message, dict)
        return message


def stream_pair() -> tuple[MemoryStream, MemoryStream]:
    """Return two streams that are joined crosswise."""
    one: asyncio.Queue[bytes] = asyncio.Queue()
    other: asyncio.Queue[bytes] = asyncio.Queue()
    return MemoryStream(one, other), MemoryStream(other, one)
