"""An HTTP/1.1 connection of the model server, on asyncio streams with h11 as the parser.

Owns reading whole requests, writing whole or chunked responses, and faulty ends of a connection.
Heads and bodies are bounded, and bodies are not interpreted. Of the package it imports only
`request`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus

import h11

from codexmcp.rehearsal.request import RawRequest, RefusedError

_HEAD_LIMIT_BYTES = 256 * 1024  # Codex repeats its turn's metadata in the headers.
_READ_BYTES = 256 * 1024
_LINGER_S = 2.0

Headers = list[tuple[str, str]]


class ModelConnection:
    """A client's connection, for any number of consecutive requests.

    Args:
        reader: The stream's reading half.
        writer: The stream's writing half.
        body_limit_bytes: Bound on a body.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body_limit_bytes: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._body_limit_bytes = body_limit_bytes
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT_BYTES)

    async def next_request(self) -> RawRequest | None:
        """Read the next request; None after the client closed the connection.

        Raises:
            RefusedError: Not HTTP, or a body over the bound; answer, then `linger`.
        """
        try:
            if self._h11.our_state is h11.DONE:
                self._h11.start_next_cycle()
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            return await self._with_body(head)
        except h11.RemoteProtocolError as error:
            raise RefusedError(HTTPStatus(error.error_status_hint), str(error)) from error

    @property
    def reusable(self) -> bool:
        """True if another request may follow on this connection."""
        return self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole response.

        Args:
            status: The HTTP status.
            headers: The headers, without `content-length`.
            body: The body.
        """
        sized = [*headers, ("content-length", str(len(body)))]
        head = self._encode(h11.Response(status_code=status, headers=sized))
        await self.write(head + self._encode(h11.Data(data=body)) + self.end_of_stream())

    def start_of_stream(self, headers: Headers) -> bytes:
        """Return the head of a chunked 200 response, for `write`."""
        chunked = [*headers, ("transfer-encoding", "chunked")]
        return self._encode(h11.Response(status_code=200, headers=chunked))

    def part_of_stream(self, data: bytes) -> bytes:
        """Return a chunk of a chunked response, for `write`."""
        return self._encode(h11.Data(data=data))

    def end_of_stream(self) -> bytes:
        """Return the end of a response, for `write`."""
        return self._encode(h11.EndOfMessage())

    async def write(self, data: bytes) -> None:
        """Send raw bytes and wait for a slow client."""
        self._writer.write(data)
        await self._writer.drain()

    async def hung_up(self) -> None:
        """Wait until the client closes its half of the connection."""
        # The parser keeps pipelined data for the next request.
        while data := await self._reader.read(_READ_BYTES):
            self._h11.receive_data(data)

    async def linger(self) -> None:
        """Give a client that is still sending up to two seconds to read our answer."""
        if self._writer.can_write_eof():
            self._writer.write_eof()
        try:
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(_READ_BYTES):
                    pass
        except TimeoutError:
            pass

    def close(self) -> None:
        """Close the connection after pending writes."""
        self._writer.close()

    def abort(self) -> None:
        """Drop the connection immediately."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """Drop the connection with a TCP reset."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        # Source: POSIX; a linger time of 0 s makes close() send RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.abort()

    async def _with_body(self, head: h11.Request) -> RawRequest:
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self._check_size(int(headers.get("content-length", 0)))
        parts, size_bytes = list[bytes](), 0
        while isinstance(event := await self._event(), h11.Data):
            size_bytes += len(event.data)
            self._check_size(size_bytes)
            parts.append(bytes(event.data))
        path, _, query = head.target.decode().partition("?")
        return RawRequest(head.method.decode(), path, headers, b"".join(parts), query)

    async def _event(self) -> h11.Event | None:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            # Some clients send a large body only after `100 Continue`.
            if self._h11.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self.write(self._encode(go_on))
            self._h11.receive_data(await self._reader.read(_READ_BYTES))
        return event if isinstance(event, h11.Event) else None

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._body_limit_bytes:
            message = f"The body exceeds the limit of {self._body_limit_bytes} bytes."
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)

    def _encode(self, event: h11.Event) -> bytes:
        return self._h11.send(event) or b""
