"""MCP over HTTP: the SDK's stateless server with our tools and resources.

A request with a progress token is answered by an event stream, any other by a single JSON object,
at less than half the cost. Authorization is the gate's task; the gate passes on the scopes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, get_args

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    JSONRPCRequest,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ServerCapabilities,
)

from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError, WorkspaceError
from codexmcp.http.exchange import KEY, Exchange
from codexmcp.http.kernel import Kernel
from codexmcp.http.task_handlers import TaskHandlers
from codexmcp.http.tokens import ALL_SCOPES
from codexmcp.http.toolbox import Toolbox, failure
from codexmcp.server.reception import RUN_INSTRUCTIONS
from codexmcp.server.tasks import TaskSource
from codexmcp.workspace.tool import Scope

if TYPE_CHECKING:
    from starlette.types import ASGIApp

logger = logging.getLogger(__name__)

NAME = "agentOS-portfolio"
_PROGRESS = b'"progressToken"'
_MAX_WITH_PROGRESS_BYTES = 1024 * 1024
_COMPLETE = {"resultType": "complete"}
"""Required by MCP 2026-07-28 in each result; the SDK removes it for older clients."""

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """A resource.

    Attributes:
        uri: The URI.
        name: The name.
        mime_type: The MIME type.
        size: The size in bytes.
    """

    uri: str
    name: str
    mime_type: str
    size: int


class Library(Protocol):
    """Resources, read again on every request."""

    async def documents(self) -> Sequence[Document]:
        """Return the current resources."""
        ...

    async def read(self, uri: str) -> tuple[str, str]:
        """Return the MIME type and the text of a resource.

        Raises:
            WorkspaceError: The resource is missing or unreadable.
        """
        ...


class McpApp:
    """Answer MCP requests.

    Args:
        version: The version reported to clients.
        toolbox: The tools.
        library: The resources, or None.
        max_bytes: Bound on the size of a request.
    """

    def __init__(
        self, version: str, toolbox: Toolbox, library: Library | None, max_bytes: int
    ) -> None:
        self._toolbox = toolbox
        self._library = library
        self._tasks = TaskHandlers(self._visible_tasks, offers=toolbox.tasks is not None)
        server = self._server(version)
        self._json, self._events = (
            StreamableHTTPSessionManager(
                server, stateless=True, json_response=is_json, max_request_body_size=max_bytes
            )
            for is_json in (True, False)
        )
        self._kernel = Kernel(server, self._json.handle_request)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Accept requests while the block runs."""
        ready, over = asyncio.Event(), asyncio.Event()

        async def run() -> None:
            async with self._json.run(), self._events.run():
                ready.set()
                await over.wait()

        # A separate task: exceptions of the block would otherwise be wrapped in groups.
        running = asyncio.create_task(run())
        try:
            await ready.wait()
            yield
        finally:
            self._tasks.ending.set()
            over.set()
            await asyncio.wait({running})

    def answering(self, body: bytes, message: JSONRPCRequest | None) -> ASGIApp:
        """Return the handler of a request.

        Args:
            body: The body.
            message: The body as a single request; None for any other body.
        """
        # A large body is decoded once only; its client may get no progress messages.
        if len(body) <= _MAX_WITH_PROGRESS_BYTES and _PROGRESS in body:
            return self._events.handle_request
        return self._kernel.answering(message)

    def _server(self, version: str) -> Server[Any]:
        # Never cached: other programs change the portfolio's files. MCP 2026-07-28 requires a hint
        # in results of these methods, and the SDK refuses a result without.
        hint = CacheHint(ttl_ms=0, scope="private")
        hints: dict[CacheableMethod, CacheHint] = dict.fromkeys(get_args(CacheableMethod), hint)
        server = _Server(
            NAME,
            version=version,
            title="codexmcp",
            instructions=None if self._toolbox.tasks is None else RUN_INSTRUCTIONS,
            cache_hints=hints,
            get_tool_input_schema=self._toolbox.schema_of,
        )
        # The default middleware wraps each message in a tracing span without a collector.
        server.middleware.clear()
        server.add_request_handler("tools/list", PaginatedRequestParams, self._list_tools)
        server.add_request_handler("tools/call", CallToolRequestParams, self._call_tool)
        self._tasks.add_to(server)
        if self._library is not None:
            add = server.add_request_handler
            add("resources/list", PaginatedRequestParams, self._list_resources)
            add("resources/templates/list", PaginatedRequestParams, self._list_templates)
            add("resources/read", ReadResourceRequestParams, self._read_resource)
        return server

    async def _list_tools(
        self, context: Context, _params: PaginatedRequestParams
    ) -> dict[str, Any]:
        exchange = _noted(context, "tools/list")
        return {**_COMPLETE, "tools": self._toolbox.definitions(_scopes(exchange))}

    async def _call_tool(self, context: Context, params: CallToolRequestParams) -> dict[str, Any]:
        name = params.name
        scope = self._toolbox.scope_of(name)
        if scope is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {name[:80]}")
        exchange = _noted(context, name)
        if scope not in _scopes(exchange):
            raise MCPError(INVALID_PARAMS, f"{name} needs a token with the scope `{scope}`")
        try:
            async with _Progress(context) as progress:
                takes_task = self._tasks.source_for_call(context) is not None
                call = self._toolbox.task if takes_task else self._toolbox.call
                return {**_COMPLETE, **await call(name, params.arguments, progress.tell)}
        except CodexMCPError as error:
            exchange.failed = True
            return {**_COMPLETE, **failure(str(error))}
        except (OSError, ValueError, TypeError, OverflowError, RecursionError):
            exchange.failed = True
            logger.exception("the tool %s has failed", name)
            said = f"{name} has failed; the log of the server tells why"
            return {**_COMPLETE, **failure(said)}

    def _visible_tasks(self, context: Context) -> TaskSource | None:
        exchange = _noted(context, context.method)
        return self._toolbox.tasks if Scope.RUNS in _scopes(exchange) else None

    async def _list_resources(
        self, context: Context, _params: PaginatedRequestParams
    ) -> dict[str, Any]:
        exchange = _noted(context, "resources/list")
        if self._library is None or Scope.READ not in _scopes(exchange):
            return {**_COMPLETE, "resources": []}
        try:
            found = await self._library.documents()
        except WorkspaceError as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error
        return {
            **_COMPLETE,
            "resources": [
                {"uri": each.uri, "name": each.name, "mimeType": each.mime_type, "size": each.size}
                for each in found
            ],
        }

    async def _list_templates(
        self, _context: Context, _params: PaginatedRequestParams
    ) -> dict[str, Any]:
        template = {
            "uriTemplate": "portfolio://{name}",
            "name": "portfolio",
            "description": "A file of the portfolio, as it is on disk now.",
        }
        return {**_COMPLETE, "resourceTemplates": [template]}

    async def _read_resource(
        self, context: Context, params: ReadResourceRequestParams
    ) -> dict[str, Any]:
        exchange, uri = _noted(context, "resources/read"), str(params.uri)
        if self._library is None or Scope.READ not in _scopes(exchange):
            raise MCPError(INVALID_PARAMS, "reading needs a token with the scope `read`")
        try:
            mime_type, text = await self._library.read(uri)
        except WorkspaceError as error:
            exchange.failed = True
            raise MCPError(INVALID_PARAMS, str(error), {"uri": uri}) from error
        return {**_COMPLETE, "contents": [{"uri": uri, "mimeType": mime_type, "text": text}]}


class _Server(Server[Any]):
    """The SDK's server, without a promise of notifications about lists and resources.

    Source: mcp 2.3 promises them wherever subscriptions are served; ours are for tasks alone.
    """

    def get_capabilities(
        self,
        *args: Any,  # noqa: ANN401 - the SDK's arguments
        **options: Any,  # noqa: ANN401 - the SDK's arguments
    ) -> ServerCapabilities:
        """Return the capabilities; see `Server.get_capabilities`."""
        found = super().get_capabilities(*args, **options)
        for each in (found.tools, found.resources, found.prompts):
            if each is not None:
                each.list_changed = False
        if found.resources is not None:
            found.resources.subscribe = False
        return found


class _Progress:
    """Send a call's progress messages in order.

    Args:
        context: The call.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._news: asyncio.Queue[str] = asyncio.Queue()
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})

    def tell(self, text: str) -> None:
        """Queue a message."""
        self._news.put_nowait(text)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        step = 0
        while True:
            text = await self._news.get()
            step += 1
            await self._context.session.report_progress(float(step), None, text)


def _noted(context: Context, what: str) -> Exchange:
    """Return the exchange of a request, with the tool recorded in it."""
    request: Any = context.request
    exchange: Exchange = request.scope[KEY]
    exchange.tool = what
    return exchange


def _scopes(exchange: Exchange) -> frozenset[Scope]:
    return frozenset() if exchange.token is None else exchange.token.scopes & ALL_SCOPES
