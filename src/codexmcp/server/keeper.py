"""Keeps one app-server at hand: starts it early, and a new one after it died.

Owns the app-server. A call that was running when it died fails with the cause; the next call gets
the new one.
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
from codexmcp.errors import AppServerClosedError, AppServerError, DeadlineError
from codexmcp.jsonvalues import object_of
from codexmcp.server.codex import RunningCodex

logger = logging.getLogger(__name__)

RunCodex = Callable[[], AbstractAsyncContextManager[RunningCodex]]

STUCK_S = 15.0
"""Bound on an answer that takes 3 to 9 ms, before an app-server counts as stuck. It is that long
because all its runs end with it, and a machine may be very busy."""

_generations = itertools.count(1)


class AppServerKeeper:
    """The owner of an app-server.

    Args:
        run: Runs Codex, or connects to one that runs, for as long as a block does.

    Attributes:
        generation: Number of the app-server's connection, unique in this process; 0 before any.
    """

    def __init__(self, run: RunCodex) -> None:
        self._run = run
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._codex: RunningCodex | None = None
        self._starting: asyncio.Task[object] | None = None
        self._config_read: tuple[object, dict[str, Any]] = (None, {})
        self.generation = 0

    async def __aenter__(self) -> Self:
        # Codex starts while we still read the first request.
        self._starting = asyncio.create_task(self.effective_config())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
            if not self._starting.cancelled():
                self._starting.exception()
        await self._stack.aclose()

    async def get(self) -> AppServer:
        """Return the living app-server, started anew if need be.

        Raises:
            CodexBinaryError: Codex cannot be started, or is too old.
            AppServerClosedError: It ended before it was ready.
        """
        async with self._lock:
            codex = self._codex
            if codex is None or codex.server.closed.is_set():
                codex = await self._replace()
            return codex.server

    async def effective_config(self) -> dict[str, Any]:
        """Return Codex's configuration, read anew when its config.toml has changed.

        Asking takes 3 to 9 ms, and every call needs it.
        """
        server = await self.get()
        file = Path(str(server.info.get("codexHome", ""))) / "config.toml"
        state = (self.generation, _file_state(file))
        if self._config_read[0] != state:
            answer = await server.call("config/read", {"includeLayers": False})
            self._config_read = (state, object_of(answer.get("config")))
        return self._config_read[1]

    async def end_if_stuck(self) -> None:
        """End an app-server that does not answer; the next one who asks gets a new one."""
        codex = self._codex
        if codex is None or codex.server.closed.is_set():
            return
        try:
            await codex.server.call("config/read", {"includeLayers": False}, timeout_s=STUCK_S)
        except DeadlineError:
            reason = f"`codex app-server` did not answer within {STUCK_S:g} s and was ended"
            logger.warning("%s", reason)
            codex.end(reason)
        except AppServerError:
            pass

    @property
    def trouble(self) -> str:
        """What is known of why requests to the model fail; empty if nothing."""
        return "" if self._codex is None else self._codex.trouble()

    async def _replace(self) -> RunningCodex:
        if self._codex is not None:
            logger.warning("starting Codex anew: %s", self._codex.server.closed_by)
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
