"""Codex as runs need it: a port, so that this part need not know how Codex is kept running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from codexmcp.appserver.client import AppServer


class CodexSource(Protocol):
    """Gives the app-server that runs work on."""

    @property
    def generation(self) -> int:
        """Number of the connection to it; another one has other threads loaded."""
        ...

    @property
    def trouble(self) -> str:
        """What is known of why requests to the model fail; empty if nothing."""
        ...

    async def get(self) -> AppServer:
        """Return the living app-server, started anew if need be.

        Raises:
            CodexBinaryError: Codex cannot be started.
            AppServerClosedError: It ended before it was ready.
        """
        ...

    async def end_if_stuck(self) -> None:
        """End an app-server that does not answer; the next one who asks gets a new one."""
        ...

    async def effective_config(self) -> Mapping[str, Any]:
        """Return Codex's configuration, as `config/read` tells it."""
        ...
