"""One end of an HTTP/1.1 connection: a socket with h11 as the parser."""

from __future__ import annotations

import select
import socket
import ssl

import h11

MAX_HEAD_BYTES = 64 * 1024

_READ_BYTES = 65536
_MAX_SKIPPED_BYTES = 512 * 1024 * 1024


class ClientPeer:
    """One end of an HTTP/1.1 connection.

    Args:
        connection: The socket.
        role: The local role, `h11.CLIENT` or `h11.SERVER`.

    Attributes:
        connection: The socket.
        http: The protocol state.
        has_ended: The remote end has closed its half.
    """

    def __init__(self, connection: socket.socket, role: type[h11.CLIENT | h11.SERVER]) -> None:
        self.connection = connection
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.has_ended = False
        self._queued = bytearray()
        self._pieces = bytearray()

    def queue(self, event: h11.Event) -> None:
        """Queue an event until `flush`; consecutive pieces of data leave as a single piece."""
        if isinstance(event, h11.Data):
            self._pieces += event.data
        else:
            self._join()
            self._queued += self.http.send(event) or b""

    def flush(self) -> None:
        """Send the queued events."""
        self._join()
        if self._queued:
            self.connection.sendall(self._queued)
            self._queued.clear()

    def send(self, event: h11.Event) -> None:
        """Send an event at once."""
        self.queue(event)
        self.flush()

    def _join(self) -> None:
        if self._pieces:
            self._queued += self.http.send(h11.Data(data=bytes(self._pieces))) or b""
            self._pieces.clear()

    def receive(self) -> None:
        """Read available data."""
        data = self.connection.recv(_READ_BYTES)
        self.has_ended = not data
        self.http.receive_data(data)

    @property
    def has_more(self) -> bool:
        """Decrypted data is buffered in the TLS layer."""
        return isinstance(self.connection, ssl.SSLSocket) and self.connection.pending() > 0

    @property
    def is_readable(self) -> bool:
        """Data, or a close by the remote end, is ready to read."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        return bool(poll.poll(0))


def linger(connection: socket.socket) -> None:
    """Close a connection to a client that is still sending, without losing the answer.

    Source: at a close with unread bytes, the system discards an unread answer (tcp(7)).
    """
    connection.shutdown(socket.SHUT_WR)
    left_bytes = _MAX_SKIPPED_BYTES
    while left_bytes > 0 and (data := connection.recv(_READ_BYTES)):
        left_bytes -= len(data)
