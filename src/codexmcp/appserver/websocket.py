"""A byte stream of lines over a WebSocket on a unix socket.

The only importer of `websockets`. Promises: each line written leaves as one text frame, each
message received is one line; a write never blocks; memory stays bounded in both directions. It has
no task of its own: who reads drives it. Must not know what the lines mean.
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

OPEN_TIMEOUT_S = 10.0
"""Bound on connecting. It took 1 ms here, and waits while app-server is busy."""

CLOSE_TIMEOUT_S = 1.0
"""Bound on handing over what is still held back when the stream is closed."""

_MESSAGE = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
# Source: RFC 9112 wants a Host header; app-server refuses an Origin, and takes any path.
_URI = parse_uri("ws://localhost/")


class WebSocketStream:
    """The client's end of a WebSocket. Make one with `open`; end it with `close`.

    Built on the protocol without I/O of `websockets`, because its asyncio connection wakes up its
    reader once per message: a burst of small messages is one wake-up here.
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
        """What came and was not handed over yet."""
        self._partial: list[bytes] = []

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        timeout_s: float = OPEN_TIMEOUT_S,
        max_message_bytes: int = MAX_LINE_BYTES,
    ) -> WebSocketStream:
        """Connect to the WebSocket server that listens on a unix socket.

        Args:
            path: The socket's path.
            timeout_s: Bound on connecting and the handshake, in seconds.
            max_message_bytes: Longest message accepted from the peer.

        Raises:
            OSError: Nobody listens there.
            AppServerClosedError: Who listens there does not speak WebSocket, or not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                ends = await asyncio.open_unix_connection(path, limit=READ_BYTES)
                stream = cls(*ends, max_message_bytes)
                try:
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
        """Return the next whole lines; empty at the end of the stream.

        Raises:
            ProtocolError: The peer broke the WebSocket protocol, or sent a message too long.
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
        """Take whole lines for the peer; they are dropped once the stream has ended."""
        for line in data.split(b"\n"):
            if line and self._protocol.state is State.OPEN:
                self._protocol.send_text(line)
        self._send()

    async def drain(self) -> None:
        """Wait until the bytes held back are few; returns at once when the peer is gone."""
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def close(self) -> None:
        """End the stream, and hand over what is held back if the peer takes it in time."""
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
                f"what listens at {path} is no app-server: {_cause(self._protocol.handshake_exc)}"
            )
        # The first messages may come in one piece with the end of the handshake.
        self._frames = _frames_of(events)

    async def _receive(self) -> list[object]:
        """Return what came next; nothing at the end of the stream."""
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
        # A process that dies says no goodbye, which is an end like any other.
        if cause is not None and not isinstance(cause, EOFError):
            raise ProtocolError(f"the WebSocket of the app-server broke off: {cause}")

    def _lines(self, frames: list[Frame]) -> bytes:
        """Return the messages that are complete, each as one line."""
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
        # An empty piece means the end of our direction, which `close` brings about.
        data = b"".join(self._protocol.data_to_send())
        if data and not self._writer.is_closing():
            self._writer.write(data)


def _frames_of(events: Sequence[object]) -> list[Frame]:
    return [event for event in events if isinstance(event, Frame)]


def _cause(error: Exception) -> BaseException:
    return error.__cause__ or error
