"""The model server: a Responses API on loopback with answers by its responder.

Owns the listening socket, the connection tasks and the record of requests. The shutdown is bounded
and leaves no task behind. Must not know the rule or any script.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeAlias

from codexmcp.rehearsal.conversation import Surface
from codexmcp.rehearsal.delivery import deliver, send_error, send_json
from codexmcp.rehearsal.http import ModelConnection
from codexmcp.rehearsal.outcome import HTTPError, Outcome
from codexmcp.rehearsal.request import (
    RawRequest,
    RefusedError,
    Request,
    WrongSurfaceError,
    parse,
)

Responder: TypeAlias = Callable[[Request], Outcome | Awaitable[Outcome]]

DEFAULT_BODY_LIMIT_BYTES = 64 * 1024 * 1024
_CLOSE_S = 5.0
logger = logging.getLogger(__name__)


class ModelServer:
    """Serve `POST …/responses` and `GET …/models` on loopback.

    Use it as an async context manager.

    Attributes:
        surface: The expected tools, as below; may be changed between requests.

    Args:
        responder: Called with each request for a response, sequentially per connection; returns the
            outcome or an awaitable of it. An exception becomes an HTTP 500.
        host: The address to listen on.
        port: The TCP port; 0 takes any free port.
        keep: The number of requests kept in `requests`.
        body_limit_bytes: Bound on a request body; a larger body gets a 413.
        surface: The tools required in every request of Codex; other requests get a 400, and the end
            of the block raises the error. None accepts all.
    """

    def __init__(
        self,
        responder: Responder,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keep: int = 256,
        body_limit_bytes: int = DEFAULT_BODY_LIMIT_BYTES,
        surface: Surface | None = None,
    ) -> None:
        self._responder = responder
        self.surface = surface
        self._wrong: WrongSurfaceError | None = None
        self._host = host
        self._port = port
        self._body_limit_bytes = body_limit_bytes
        self._requests: deque[Request] = deque(maxlen=keep)
        self._count = 0
        self._arrived = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], ModelConnection] = {}

    @property
    def base_url(self) -> str:
        """The base URL for a client, such as `http://127.0.0.1:8000/v1`."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def requests(self) -> list[Request]:
        """The latest requests for a response, oldest first."""
        return list(self._requests)

    @property
    def request_count(self) -> int:
        """The number of requests for a response so far."""
        return self._count

    async def wait_for_requests(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait for a total of `count` requests for a response.

        Args:
            count: The number since the server's start.
            timeout_s: The bound on the wait, in seconds.

        Raises:
            TimeoutError: Fewer requests arrived in time.
        """
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: self._count >= count)

    async def __aenter__(self) -> Self:
        """Start to listen.

        Raises:
            OSError: The address is not available.
        """
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening, drop every connection, and wait for its task, for at most 5 s.

        Raises:
            WrongSurfaceError: A request offered other tools, and the block raised nothing.
        """
        if self._server is not None:
            self._server.close()
        for task, connection in self._connections.items():
            # A close would wait for a client that does not read; an abort drops the rest.
            connection.abort()
            task.cancel()
        if self._connections:
            await asyncio.wait(list(self._connections), timeout=_CLOSE_S)
        if self._wrong is not None and exc is None:
            raise self._wrong

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = ModelConnection(reader, writer, self._body_limit_bytes)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)

    async def _serve(self, connection: ModelConnection) -> None:
        try:
            while (raw := await connection.next_request()) is not None:
                await self._handle(connection, raw)
                if not connection.reusable:
                    break
        except RefusedError as error:
            await self._refuse(connection, error)
        except ConnectionError:
            pass  # The client disconnected.
        except Exception:
            logger.exception("The model server failed on a connection.")
        finally:
            connection.close()

    async def _refuse(self, connection: ModelConnection, error: RefusedError) -> None:
        refusal = HTTPError(error.status, error.message, headers={"connection": "close"})
        try:
            await send_error(connection, refusal)
            await connection.linger()
        except ConnectionError:
            pass

    async def _handle(self, connection: ModelConnection, raw: RawRequest) -> None:
        path = raw.path
        if raw.method == "GET" and path.endswith("/models"):
            model = {"id": "rehearsal", "object": "model", "created": 0, "owned_by": "codexmcp"}
            await send_json(connection, 200, {"object": "list", "data": [model]})
        elif raw.method == "POST" and path.endswith("/responses"):
            await self._respond(connection, raw)
        elif path.endswith("/responses") and "upgrade" in raw.headers:
            # Source: Codex's built-in provider tries WebSocket first, and switches to HTTP
            # immediately after a 426; it retries after any other refusal for about 6 s.
            await send_error(connection, HTTPError(HTTPStatus.UPGRADE_REQUIRED, "HTTP only."))
        else:
            message = f"There is no {raw.method} {path} here, only POST /v1/responses."
            await send_error(connection, HTTPError(HTTPStatus.NOT_FOUND, message))

    async def _respond(self, connection: ModelConnection, raw: RawRequest) -> None:
        try:
            request = parse(raw)
        except RefusedError as error:
            await send_error(connection, HTTPError(error.status, error.message))
            return
        self._requests.append(request)
        self._count += 1
        async with self._arrived:
            self._arrived.notify_all()
        await deliver(connection, request, await self._outcome(request))

    async def _outcome(self, request: Request) -> Outcome:
        if self.surface is not None and request.surface not in {None, self.surface}:
            self._wrong = WrongSurfaceError(self.surface, request.model)
            return HTTPError(HTTPStatus.BAD_REQUEST, str(self._wrong), code="wrong_surface")
        try:
            answer = self._responder(request)
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            logger.exception("The responder failed.")
            message = f"The responder failed: {type(error).__name__}: {error}"
            return HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, message, type="server_error")
