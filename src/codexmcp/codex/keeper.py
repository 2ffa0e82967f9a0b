"""Keeps an app-server available: early start, and a restart after a crash.

Owns the app-server. A crash fails running calls with the cause; the next call gets a new
app-server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from codexmcp.appserver.client import AppServer
from codexmcp.codex.options import CheckAccess, accept_any
from codexmcp.codex.running import RunningCodex
from codexmcp.errors import AppServerClosedError
from codexmcp.jsonvalues import object_of

logger = logging.getLogger(__name__)

RunCodex = Callable[[], AbstractAsyncContextManager[RunningCodex]]

_generations = itertools.count(1)


class AppServerKeeper:
    """The owner of an app-server.

    Args:
        run: Runs Codex, or connects to a running Codex, during a block.
        check_access: Refuses a task without usable credentials.

    Attributes:
        generation: Number of the connection, unique in this process. 0: not connected yet.
    """

    def __init__(self, run: RunCodex, check_access: CheckAccess = accept_any) -> None:
        self._run = run
        self.check_access = check_access
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._codex: RunningCodex | None = None
        self._starting: asyncio.Task[object] | None = None
        self._is_closed = False
        self._config_read: tuple[object, dict[str, Any]] = (None, {})
        self.generation = 0

    async def __aenter__(self) -> Self:
        # Codex starts while the first request is still being read.
        self._starting = asyncio.create_task(self.effective_config())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
            if not self._starting.cancelled():
                self._starting.exception()
        await self._stack.aclose()

    async def get(self) -> AppServer:
        """Return the living app-server, restarted if needed.

        Raises:
            CodexBinaryError: Codex cannot be started, or is too old.
            AppServerClosedError: The app-server ended before becoming ready, or with its owner.
        """
        async with self._lock:
            codex = self._codex
            if self._is_closed:
                raise AppServerClosedError("app-server was ended with its owner")
            if codex is None or codex.server.closed.is_set():
                codex = await self._replace()
            return codex.server

    async def effective_config(self) -> dict[str, Any]:
        """Return Codex's configuration, refreshed after a change of config.toml.

        A request takes 3 to 9 ms, and every call needs the configuration.
        """
        server = await self.get()
        file = Path(str(server.info.get("codexHome", ""))) / "config.toml"
        state = (self.generation, _file_state(file))
        if self._config_read[0] != state:
            answer = await server.call("config/read", {"includeLayers": False})
            self._config_read = (state, object_of(answer.get("config")))
        return self._config_read[1]

    def end(self, server: AppServer, reason: str) -> None:
        """End a broken app-server; see `CodexSource.end`."""
        codex = self._codex
        if codex is not None and codex.server is server and not server.closed.is_set():
            logger.warning("ending `codex app-server`: %s", reason)
            codex.end(f"`codex app-server` was ended: {reason}")

    @property
    def failure_cause(self) -> str:
        """Known cause of failing model requests; empty if unknown."""
        return "" if self._codex is None else self._codex.failure_cause()

    async def _replace(self) -> RunningCodex:
        if self._codex is not None:
            logger.warning("restarting Codex: %s", self._codex.server.closed_by)
        self._codex = None
        with contextlib.suppress(AppServerClosedError):
            await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        self._codex = await self._stack.enter_async_context(self._run())
        self.generation = next(_generations)
        return self._codex


def _file_state(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a few microseconds count here
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
