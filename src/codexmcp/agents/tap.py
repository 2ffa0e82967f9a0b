"""A stream of MCP messages with a listener."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCNotification

if TYPE_CHECKING:
    from mcp.shared._stream_protocols import ReadStream

Incoming = SessionMessage | Exception


class TappedReadStream:
    """Pass messages on, after a call of the listener for each notification.

    Args:
        stream: The source of messages.
        listener: Called with a notification's method and parameters.
    """

    def __init__(
        self, stream: ReadStream[Incoming], listener: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self._stream = stream
        self._listener = listener

    async def receive(self) -> Incoming:
        """Return the next message."""
        return self._tell(await self._stream.receive())

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def close(self) -> None:
        """Close the stream without waiting."""
        close = getattr(self._stream, "close", None)
        if callable(close):
            close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Incoming:
        return self._tell(await self._stream.__anext__())

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._stream.__aexit__(kind, error, trace)

    def _tell(self, incoming: Incoming) -> Incoming:
        message = getattr(incoming, "message", None)
        if isinstance(message, JSONRPCNotification):
            self._listener(message.method, dict(message.params or {}))
        return incoming
