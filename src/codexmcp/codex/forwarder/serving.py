"""The forwarder's accept loop: a bounded number of connections, each with a thread."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
from collections.abc import Callable

from codexmcp.codex.forwarder.exchange import ForwardedExchange
from codexmcp.codex.forwarder.peer import linger
from codexmcp.codex.forwarder.upstream import Upstream

MAX_CONNECTIONS = 1024
"""Concurrent connections. Each Codex uses at most two."""

_SPARE_DESCRIPTORS = 32
_REFUSAL_TIMEOUT_S = 0.5
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Connection: close\r\n\r\ntoo many requests at once pass through the key forwarder\n"
)


class Forwarder:
    """An HTTP server that adds a key to requests and forwards the requests.

    Args:
        upstream: The endpoint.
        key: The API key.
        tell: Called with one line per failed request, possibly from several threads at once. No
            line contains the key.
    """

    def __init__(self, upstream: Upstream, key: str, tell: Callable[[str], None]) -> None:
        self._upstream = upstream
        self._key = key
        self._tell = tell
        self._free = threading.Semaphore(_most_connections())

    def serve(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed.

        Args:
            listener: A listening socket on loopback.
        """
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                if listener.fileno() < 0:
                    return
                continue
            if not self._free.acquire(blocking=False):
                with contextlib.suppress(OSError), connection:
                    connection.settimeout(_REFUSAL_TIMEOUT_S)
                    connection.sendall(_FULL)
                    linger(connection)
                continue
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        try:
            with connection:
                ForwardedExchange(connection, self._upstream, self._key, self._tell).run()
        finally:
            self._free.release()


def _most_connections() -> int:
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, (descriptors - _SPARE_DESCRIPTORS) // 2))
