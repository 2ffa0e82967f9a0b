"""`codexmcp serve --http` as a real process, and a client of it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.http_client import HttpClient
from tests.support.supervision import Station, station

_URL = re.compile(r"MCP over HTTP at (http://\S+)")


class Served(HttpClient):
    """A server that is up.

    Args:
        here: The station it runs at.
        url: Where MCP is.
    """

    def __init__(self, here: Station, url: str) -> None:
        super().__init__(url)
        self.here = here
        self.pid = 0

    @property
    def root(self) -> Path:
        """The folder that file tools may use."""
        return self.here.project

    @property
    def token(self) -> str:
        """The token of its file."""
        return (self.here.home / ".agentos" / "token").read_text().strip()

    @property
    def persist(self) -> Path:
        """The file with its telemetry."""
        return self.here.home / "mcp-wrapper" / "persist.json"

    def told(self) -> dict[str, Any]:
        """Return what its file of telemetry holds."""
        decoded: dict[str, Any] = json.loads(self.persist.read_text())
        return decoded


@contextlib.asynccontextmanager
async def served(
    home: Path, *flags: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Serve at a station of its own."""
    async with station(home) as here, serving(here, *flags, env=env) as server:
        yield server


@contextlib.asynccontextmanager
async def serving(
    here: Station, *flags: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Serve at a station; the server is killed at the end."""
    before = len(_URL.findall(here.log))
    port = () if "--port" in flags else ("--port", "0")
    root = () if "--fs-root" in flags else ("--fs-root", str(here.project))
    portfolio = () if "--portfolio" in flags else ("--portfolio", str(here.project / "portfolio"))
    words = ("--http", *port, *root, *portfolio, *flags)
    async with here.supervisor(*words, env=env) as process:
        server = Served(here, _URL.findall(here.log)[before])
        server.pid = process.pid
        yield server
