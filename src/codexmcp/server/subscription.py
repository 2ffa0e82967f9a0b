"""`subscriptions/listen`: notifications about tasks, until the client or the server ends them.

Source: MCP 2026-07-28, basic/utilities/subscriptions; extension ext-tasks, `taskIds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.server.envelope import LISTEN, SUBSCRIPTION_KEY, Envelope, check_declares_tasks
from codexmcp.server.tasks import Task, TaskSource, as_request_error, detailed

MAX_FOLLOWED = 200
"""Bound on the tasks of a subscription."""

Notify = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription.

    Attributes:
        id: The id of its request.
        params: The parameters of its request.
        envelope: The envelope of its request.
        notify: Sends a notification with parameters.
    """

    id: messages.RequestId
    params: messages.JsonObject
    envelope: Envelope
    notify: Notify
    _told: dict[str, Task] = field(default_factory=dict[str, Task])

    async def serve(self, source: TaskSource | None, ending: asyncio.Event) -> dict[str, Any]:
        """Notify until all tasks are over, or until the end of the server; return the result.

        Without tasks nothing ever changes, and the subscription waits for the end.

        Args:
            source: The tasks of the client. None: no tasks.
            ending: Set when the server ends.

        Raises:
            RequestError: The client does not declare tasks, or names too many.
        """
        followed = [] if source is None else await self._followed(source)
        honored = {"taskIds": followed} if followed else {}
        await self._send("notifications/subscriptions/acknowledged", {"notifications": honored})
        end = asyncio.create_task(ending.wait())
        try:
            if source is None or not followed:
                await asyncio.wait({end})
            else:
                await self._follow(source, followed, end)
        finally:
            end.cancel()
        return {"resultType": "complete", "_meta": self._meta}

    @property
    def _meta(self) -> dict[str, Any]:
        return {SUBSCRIPTION_KEY: self.id}

    async def _followed(self, source: TaskSource) -> list[str]:
        """Return the named tasks known to the client."""
        ids = object_of(self.params.get("notifications")).get("taskIds")
        if ids is None:
            return []
        check_declares_tasks(LISTEN, self.envelope)
        wanted = list(dict.fromkeys(filter(None, map(text_of, list_of(ids)))))
        if len(wanted) > MAX_FOLLOWED:
            text = f"at most {MAX_FOLLOWED} taskIds in one request"
            raise RequestError(LISTEN, messages.INVALID_PARAMS, text)
        with as_request_error(LISTEN):
            return [each for each in wanted if await source.task(each) is not None]

    async def _follow(
        self, source: TaskSource, followed: list[str], end: asyncio.Task[Any]
    ) -> None:
        under_way = followed
        with as_request_error(LISTEN):
            while under_way := await self._told_about(source, under_way):
                changed = asyncio.create_task(source.changed(under_way))
                try:
                    await asyncio.wait({changed, end}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
                    await asyncio.wait({changed})
                if end.done():
                    # The server ends after its runs, so their ends are told.
                    await self._told_about(source, under_way)
                    return

    async def _told_about(self, source: TaskSource, task_ids: list[str]) -> list[str]:
        """Notify about changes, and return the tasks that are not over."""
        under_way: list[str] = []
        for task_id in task_ids:
            if (task := await source.task(task_id)) is None:
                continue
            # A new time alone is no change.
            if self._told.get(task_id) != (seen := replace(task, updated_at=0.0)):
                self._told[task_id] = seen
                await self._send("notifications/tasks", detailed(task, self.envelope))
            if not task.status.is_over:
                under_way.append(task_id)
        return under_way

    async def _send(self, method: str, params: dict[str, Any]) -> None:
        await self.notify(method, {**params, "_meta": self._meta})
