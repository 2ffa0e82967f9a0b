"""End a block of work with an error detected elsewhere."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from codexmcp.errors import CodexMCPError


class Alarm:
    """Guard a block, like `asyncio.timeout`, but triggered by a call.

    The first trigger counts: further calls, and calls outside the block, have no effect.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[object] | None = None
        self._error: CodexMCPError | None = None

    def ring(self, error: CodexMCPError) -> None:
        """End the block with an error."""
        if self._task is not None and self._error is None:
            self._error = error
            self._task.cancel()

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._error is None:
            return
        assert task is not None
        # Another cancellation, such as Ctrl-C's, propagates.
        if task.uncancel() == 0:
            raise self._error from None
