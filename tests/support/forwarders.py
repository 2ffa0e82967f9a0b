"""A forwarder in this process, and an upstream that does what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from codexmcp.codex.forwarder.serving import Forwarder
from codexmcp.codex.forwarder.upstream import Upstream
from tests.support.loopback_server import Handle, serving

KEY = "sk-canary.0123456789/abc+def=="


@dataclass
class Forwarding:
    """A forwarder at work.

    Attributes:
        port: Where it listens.
        told: What it has told of requests that failed.
    """

    port: int
    told: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://127.0.0.1:{self.port}/v1/responses"


@contextlib.contextmanager
def forwarder(
    base_url: str, env: Mapping[str, str] | None = None, *, key: str = KEY
) -> Iterator[Forwarding]:
    """Run a forwarder while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        forwarding = Forwarding(listener.getsockname()[1])
        running = Forwarder(Upstream.at(base_url, env or {}), key, forwarding.told.append)
        thread = threading.Thread(target=running.serve, args=(listener,), daemon=True)
        thread.start()
        yield forwarding
        # Wakes up who accepts.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    thread.join(10)


@contextlib.asynccontextmanager
async def upstream(serve: Handle) -> AsyncIterator[str]:
    """Run a server that serves each connection in a way of its own, and give its base URL."""

    async with serving(serve) as port:
        yield f"http://127.0.0.1:{port}/v1"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Read a request with a body of a known length; return its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return head
