"""The desk's port to Codex, so the desk is independent of the way Codex is kept running."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from codexmcp.appserver.client import AppServer


class CodexSource(Protocol):
    """Provides the app-server for turns."""

    @property
    def generation(self) -> int:
        """Number of the connection; another connection has other threads loaded."""
        ...

    @property
    def failure_cause(self) -> str:
        """Known cause of failing model requests; empty if unknown."""
        ...

    def check_access(self, task: Mapping[str, Any], /) -> None:
        """Refuse a task without usable credentials, before anything starts.

        Args:
            task: Settings of the task alone, for example of a profile; names may be dotted.

        Raises:
            CredentialsError: No usable credentials.
        """
        ...

    async def get(self) -> AppServer:
        """Return the living app-server, restarted if needed.

        Raises:
            CodexBinaryError: Codex cannot be started.
            AppServerClosedError: The app-server ended before becoming ready.
        """
        ...

    def end(self, server: AppServer, reason: str) -> None:
        """End a broken app-server; the next caller of `get` gets a new app-server.

        Args:
            server: The app-server. Ignored if already replaced.
            reason: The error of open calls.
        """
        ...

    async def effective_config(self) -> Mapping[str, Any]:
        """Return Codex's configuration, from `config/read`."""
        ...
