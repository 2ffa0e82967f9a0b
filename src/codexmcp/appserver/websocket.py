"""A byte stream of lines over a WebSocket on a unix socket.

The only importer of `websockets`. Promises: each written line is a text frame, each received
message is a line; a write never blocks; memory is bounded in both directions. The stream has no
task: the reader drives the protocol. Must not depend on the content of lines.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from websockets.client import ClientProtocol
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from codexmcp.errors import AppServerClosedError, ProtocolError
from codexmcp.jsonrpc.framing import MAX_LINE_BYTES
from codexmcp.jsonrpc.pipes import READ_BYTES
from codexmcp.own_files import check_peer, check_socket

OPEN_TIMEOUT_S = 10.0
"""Bound on connecting, which took 1 ms here, and longer with a busy app-server."""

CLOSE_TIMEOUT_S = 1.0
"""Bound on sending buffered data at the close of the stream."""

_MESSAGE = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
# Source: RFC 9112 requires a Host header; app-server refuses an Origin, and accepts any path.
_URI = parse_uri("ws://localhost/")


class WebSocketStream:
    """The client of a WebSocket, created by `open` and ended by `close`.

    Uses the sans-I/O protocol of `websockets`, because the asyncio connection wakes up its reader
    once per message: here a burst of small messages is a single wake-up.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        max_message_bytes: int,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._protocol = ClientProtocol(_URI, max_size=max_message_bytes)
        self._frames: list[Frame] = []
        """Received frames, not yet returned."""
        self._partial: list[bytes] = []

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        timeout_s: float = OPEN_TIMEOUT_S,
        max_message_bytes: int = MAX_LINE_BYTES,
    ) -> WebSocketStream:
        """Connect to the WebSocket server on a unix socket.

        Args:
            path: The socket's path.
            timeout_s: Bound on connecting and the handshake, in seconds.
            max_message_bytes: Longest message accepted from the peer.

        Raises:
            OSError: No process listens there.
            ForeignFileError: The socket belongs to another user.
            AppServerClosedError: The WebSocket handshake failed or timed out.
        """
        try:
            async with asyncio.timeout(timeout_s):
                check_socket(path, follows_link=True)
                ends = await asyncio.open_unix_connection(path, limit=READ_BYTES)
                stream = cls(*ends, max_message_bytes)
                try:
                    check_peer(ends[1].get_extra_info("socket"))
                    await stream._shake_hands(path)
                except BaseException:
                    stream._writer.transport.abort()
                    raise
                return stream
        except TimeoutError:
            raise AppServerClosedError(
                f"no WebSocket handshake at {path} within {timeout_s:g} s; end the app-server "
                "that listens there and start a new one"
            ) from None

    async def read(self) -> bytes:
        """Return the next complete lines; empty at the end of the stream.

        Raises:
            ProtocolError: The peer violated the WebSocket protocol, or sent an oversized message.
        """
        while True:
            frames, self._frames = self._frames, []
            if lines := self._lines(frames):
                return lines
            if self._protocol.state is not State.OPEN:
                self._raise_broken()
                return b""
            self._frames = _frames_of(await self._receive())

    def write(self, data: bytes) -> None:
        """Queue complete lines for the peer; dropped after the end of the stream."""
        for line in data.split(b"\n"):
            if line and self._protocol.state is State.OPEN:
                self._protocol.send_text(line)
        self._send()

    async def drain(self) -> None:
        """Wait until the write buffer is small; return at once if the peer is gone."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def close(self) -> None:
        """End the stream, and send buffered data within a bound."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._send()
        self._writer.close()
        closing = asyncio.create_task(self._writer.wait_closed())
        try:
            await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
        finally:
            self._writer.transport.abort()
            with contextlib.suppress(OSError):
                await closing

    async def _shake_hands(self, path: Path) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._send()
        events: list[object] = []
        while not events and self._protocol.handshake_exc is None:
            events = await self._receive()
        if self._protocol.handshake_exc is not None:
            raise AppServerClosedError(
                f"the listener at {path} is not an app-server: "
                f"{_cause(self._protocol.handshake_exc)}"
            )
        # The first messages may arrive together with the end of the handshake.
        self._frames = _frames_of(events)

    async def _receive(self) -> list[object]:
        """Return the next events; empty at the end of the stream."""
        try:
            data = await self._reader.read(READ_BYTES)
        except ConnectionError:
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        # A pong, or the echo of a close.
        self._send()
        return [*self._protocol.events_received()]

    def _raise_broken(self) -> None:
        cause = self._protocol.parser_exc
        # A dying process sends no close frame; this is a normal end.
        if cause is not None and not isinstance(cause, EOFError):
            raise ProtocolError(f"the WebSocket of the app-server broke off: {cause}")

    def _lines(self, frames: list[Frame]) -> bytes:
        """Return the complete messages, one line each."""
        pieces: list[bytes] = []
        for frame in frames:
            if frame.opcode not in _MESSAGE:
                continue
            # JSON has line breaks between its tokens only.
            self._partial.append(bytes(frame.data).replace(b"\n", b" "))
            if frame.fin:
                pieces += [*self._partial, b"\n"]
                self._partial.clear()
        return b"".join(pieces)

    def _send(self) -> None:
        # An empty piece marks the end of the own direction; `close` handles the end.
        data = b"".join(self._protocol.data_to_send())
        if data and not self._writer.is_closing():
            self._writer.write(data)


def _frames_of(events: Sequence[object]) -> list[Frame]:
    return [event for event in events if isinstance(event, Frame)]


def _cause(error: Exception) -> BaseException:
    return error.__cause__ or error
