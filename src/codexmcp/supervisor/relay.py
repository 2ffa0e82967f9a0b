"""Relays bytes between stdin, stdout and the supervisor.

Owns nothing: killing it loses nothing. Imports no event loop, because a client waits for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

from codexmcp.errors import ConfigurationError

_CHUNK_BYTES = 256 * 1024


def relay(connection: socket.socket) -> None:
    """Relay until the client has closed stdin and was answered, or the supervisor ends.

    Raises:
        ConfigurationError: The supervisor ended, or stdin or stdout is closed.
    """
    if sys.stdin is None or sys.stdout is None:
        raise ConfigurationError("stdin or stdout is closed, and an MCP client is expected there")
    left = threading.Event()
    # A daemon thread, because one that waits for stdin cannot be told to stop.
    threading.Thread(
        target=_from_client, args=(sys.stdin.fileno(), connection, left), daemon=True
    ).start()
    try:
        while data := connection.recv(_CHUNK_BYTES):
            _write_all(sys.stdout.fileno(), data)
    except BrokenPipeError:
        return
    except ConnectionError:
        pass
    if not left.is_set():
        raise ConfigurationError(
            "the supervisor ended; start this server again, and a new one takes over: its runs are "
            "on record and can be waited for or resumed"
        )


def _from_client(fd: int, connection: socket.socket, left: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(fd, _CHUNK_BYTES):
            connection.sendall(data)
        left.set()
        connection.shutdown(socket.SHUT_WR)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
