"""MCP Tasks over HTTP: the methods, subscriptions and calls of the SDK's server.

The SDK has no tasks of its own (mcp 2.3): it compares no `Mcp-Name` for their methods, drops
`taskIds` of subscriptions, and lets a task through to a client without the extension.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp.types import (
    HEADER_MISMATCH,
    METHOD_NOT_FOUND,
    RequestParams,
    SubscriptionsListenRequestParams,
)
from mcp_types import Notification

from codexmcp.errors import RequestError
from codexmcp.server.envelope import (
    LISTEN,
    TASK_METHODS,
    TASKS_EXTENSION,
    VERSIONS,
    Envelope,
    envelope_of,
)
from codexmcp.server.subscription import Subscription
from codexmcp.server.tasks import TaskSource, task_answer

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

Context = ServerRequestContext[Any, Any]
Visible = Callable[[Context], TaskSource | None]


class AnyParams(RequestParams):
    """Parameters checked by the handler."""


class AnyNotification(Notification[dict[str, Any], str]):
    """A notification outside the SDK's types."""


class TaskHandlers:
    """The handlers of tasks.

    Args:
        visible: Returns the tasks visible to the token of a request; None for no tasks.
        offers: Tasks are offered at all.
    """

    def __init__(self, visible: Visible, *, offers: bool) -> None:
        self._visible = visible
        self._offers = offers
        self.ending = asyncio.Event()

    def add_to(self, server: Server[Any]) -> None:
        """Add the handlers to a server."""
        server.add_request_handler(LISTEN, SubscriptionsListenRequestParams, self._listen)
        if self._offers:
            server.extensions[TASKS_EXTENSION] = {}
            for method in TASK_METHODS:
                handler = functools.partial(self._answer, method)
                server.add_request_handler(method, AnyParams, handler)

    def source_for_call(self, context: Context) -> TaskSource | None:
        """Return the tasks for a `tools/call`; None for a client that takes no task."""
        envelope = _envelope(context)
        takes = envelope is not None and envelope.declares_tasks
        return self._visible(context) if takes else None

    async def _answer(self, method: str, context: Context, _params: AnyParams) -> dict[str, Any]:
        with as_mcp_error():
            envelope = _envelope(context)
            if envelope is None:
                raise RequestError(method, METHOD_NOT_FOUND, "Method not found")
            params = dict(context.params or {})
            _check_name(context, params.get("taskId"))
            return await task_answer(self._visible(context), method, params, envelope)

    async def _listen(
        self, context: Context, _params: SubscriptionsListenRequestParams
    ) -> dict[str, Any]:
        async def notify(method: str, params: dict[str, Any]) -> None:
            # The SDK's session takes its own types only; the channel below takes any.
            notification: Any = AnyNotification(method=method, params=params)
            await context.session.send_notification(notification, related_request_id=request_id)

        request_id = context.request_id
        with as_mcp_error():
            envelope = _envelope(context)
            assert envelope is not None
            assert request_id is not None
            params = dict(context.params or {})
            subscription = Subscription(request_id, params, envelope, notify)
            return await subscription.serve(self._visible(context), self.ending)


def _envelope(context: Context) -> Envelope | None:
    if context.protocol_version not in VERSIONS:
        return None
    return envelope_of(context.method, dict(context.params or {}))


def _check_name(context: Context, task_id: object) -> None:
    """Compare the header with the task, as for the methods known to the SDK.

    Source: MCP 2026-07-28, streamable-http; ext-tasks names `taskId` as the value.
    """
    request: Any = context.request
    if decode_header_value(request.headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(HEADER_MISMATCH, f"{MCP_NAME_HEADER} header does not match `taskId`")


@contextlib.contextmanager
def as_mcp_error() -> Generator[None, None, None]:
    """Turn a refused request into the SDK's error."""
    try:
        yield
    except RequestError as error:
        raise MCPError(error.code, error.message, error.data) from error
