"""Keeps one app-server at hand: starts it early, and a new one after it died.

Owns the app-server. A call that was running when it died fails with the cause; the next call gets
the new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from types import TracebackType
from typing import Self

from codexmcp.appserver.client import (
    AppServer,
    LaunchOptions,
    PaceCallback,
    RequestCallback,
)
from codexmcp.errors import AppServerClosedError

logger = logging.getLogger(__name__)


class AppServerKeeper:
    """The owner of an app-server.

    Args:
        options: How to start one.
        on_request: Answers Codex's own requests.
        pace: Awaited after each batch of events.
    """

    def __init__(
        self, options: LaunchOptions, on_request: RequestCallback, pace: PaceCallback
    ) -> None:
        self._options = options
        self._on_request = on_request
        self._pace = pace
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._server: AppServer | None = None
        self._starting: asyncio.Task[AppServer] | None = None
        self.generation = 0

    async def __aenter__(self) -> Self:
        # Codex starts while we still read the first request.
        self._starting = asyncio.create_task(self.get())
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
            if self._server is None or self._server.closed.is_set():
                await self._replace()
            assert self._server is not None
            return self._server

    async def _replace(self) -> None:
        if self._server is not None:
            logger.warning("starting Codex anew: %s", self._server.closed_by)
        self._server = None
        with contextlib.suppress(AppServerClosedError):
            await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()
        launching = AppServer.launch(self._options, on_request=self._on_request, pace=self._pace)
        self._server = await self._stack.enter_async_context(launching)
        self.generation += 1
