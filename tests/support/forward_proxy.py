"""A company's forward proxy: it leads every host to one port of this machine, and notes hosts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.loopback_server import pipe, serving


@dataclass
class ForwardProxy:
    """A proxy that runs.

    Attributes:
        url: Where it listens.
        asked: The method and the host of each request.
        authorizations: The `Proxy-Authorization` of each request that had one.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    authorizations: list[str] = field(default_factory=list[str])

    @property
    def hosts(self) -> set[str]:
        """The hosts that were asked for."""
        return {each.split()[1] for each in self.asked}

    def environment(self) -> dict[str, str]:
        """Return the variables that name it, in both spellings."""
        names = ("http_proxy", "https_proxy", "all_proxy")
        return {spelled: self.url for name in names for spelled in (name, name.upper())}


@contextlib.asynccontextmanager
async def forward_proxy(port: int, tls_port: int | None = None) -> AsyncIterator[ForwardProxy]:
    """Run a proxy while the block runs.

    Args:
        port: The port of this machine that stands for every host.
        tls_port: The one for tunnels; None means the same.
    """
    proxy = ForwardProxy()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, target, version = first.split(" ")
        tunnel = method == "CONNECT"
        url = urlsplit(f"//{target}" if tunnel else target)
        proxy.asked.append(f"{method} {url.hostname}")
        for line in lines:
            name, _, value = line.partition(": ")
            if name.lower() == "proxy-authorization":
                proxy.authorizations.append(value)
        to_port = (tls_port or port) if tunnel else port
        there, to = await asyncio.open_connection("127.0.0.1", to_port)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            # One request on a connection, so that each is noted.
            kept = [each for each in lines if not each.lower().startswith("connection:")]
            own = [f"{method} {url.path} {version}", *kept, "Connection: close", "", ""]
            to.write("\r\n".join(own).encode("latin-1"))
        await pipe(reader, writer, there, to)

    async with serving(forward) as own_port:
        proxy.url = f"http://127.0.0.1:{own_port}"
        yield proxy
