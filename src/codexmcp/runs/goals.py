"""Goals in runs with a token budget for each goal.

Codex begins turns for a goal by itself until the goal is complete, blocked, over budget or cleared.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event
from codexmcp.errors import CodexMCPError
from codexmcp.jsonvalues import integer_of, object_of


class GoalBudget:
    """Applies a token budget to every goal of a thread.

    Args:
        server: The app-server with the thread.
        thread_id: The thread.
        tokens: The budget. None: goals are off.

    Source: `thread/goal/set` with a `tokenBudget` alone keeps the objective; the goal becomes
    `budgetLimited` after spending the budget (0.163.0).
    """

    def __init__(self, server: AppServer, thread_id: str, tokens: int | None) -> None:
        self._server = server
        self._thread_id = thread_id
        self._tokens = tokens
        self._exceeded = asyncio.Event()

    def note(self, event: Event) -> None:
        """Handle an event of the thread's tree."""
        if self._tokens is None or event.method != "thread/goal/updated":
            return
        goal = object_of(event.params.get("goal"))
        budget = integer_of(goal.get("tokenBudget"))
        if goal.get("status") == "active" and (budget is None or budget > self._tokens):
            self._exceeded.set()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncGenerator[None, None]:
        """Apply the budget to every goal while the block runs."""
        if self._tokens is None:
            yield
            return
        setting = asyncio.create_task(self._set())
        try:
            yield
        finally:
            setting.cancel()
            await asyncio.wait({setting})

    async def _set(self) -> None:
        while True:
            await self._exceeded.wait()
            self._exceeded.clear()
            # A goal cleared at this moment needs no budget.
            with contextlib.suppress(CodexMCPError):
                await self._server.call(
                    "thread/goal/set", {"threadId": self._thread_id, "tokenBudget": self._tokens}
                )
