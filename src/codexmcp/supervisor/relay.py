"""Relays lines between stdin, stdout and the supervisor, and outlives it.

Owns nothing: killing it loses nothing. When the supervisor ends, what waits is answered, and the
client's next request goes to a new one: clients do not start a server again that has ended. Imports
no event loop, because a client waits for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Callable

from codexmcp.errors import CodexMCPError, ConfigurationError
from codexmcp.jsonrpc.framing import LineBuffer
from codexmcp.supervisor.exchange import Exchange, pong, refusal

_CHUNK_BYTES = 256 * 1024


def relay(connect: Callable[[], socket.socket]) -> None:
    """Relay until the client has closed stdin and was answered.

    Args:
        connect: Connects to the supervisor, which is started if need be; from any thread.

    Raises:
        ConfigurationError: There is no supervisor to begin with, one ended that waited for an
            answer of the client, or stdin or stdout is closed.
        ProtocolError: A line is too long to be one.
    """
    if sys.stdin is None or sys.stdout is None:
        raise ConfigurationError("stdin or stdout is closed, and an MCP client is expected there")
    _Relay(connect, sys.stdin.fileno(), sys.stdout.fileno()).run()


class _Relay:
    def __init__(self, connect: Callable[[], socket.socket], stdin: int, stdout: int) -> None:
        self._connect = connect
        self._stdin = stdin
        self._stdout = stdout
        self._exchange = Exchange()
        # Guards the exchange and what is below. Not held while stdout is written to, which the main
        # thread alone does: a client may read nothing before it has written all of its own.
        self._changed = threading.Condition()
        self._connection: socket.socket | None = None
        self._answers = bytearray()
        self._has_left = False
        self._trouble: Exception | None = None

    def run(self) -> None:
        connection: socket.socket | None = self._connect()
        self._connection = connection
        # A daemon thread, because one that waits for stdin cannot be told to stop.
        threading.Thread(target=self._from_client, daemon=True).start()
        with contextlib.suppress(BrokenPipeError):
            while connection is not None:
                self._from_server(connection)
                connection = self._next()
        if self._trouble is not None:
            raise self._trouble

    def _from_server(self, connection: socket.socket) -> None:
        """Pass on whole lines until the supervisor ends: what it has torn then is no message."""
        lines = LineBuffer()
        with connection:
            while data := _received(connection):
                complete = lines.feed(data)
                with self._changed:
                    meant = [line for line in complete if self._exchange.from_server(line)]
                self._write(b"\n".join([*meant, b""]))

    def _next(self) -> socket.socket | None:
        """Answer for a supervisor that ended; return the connection to the next, None for none."""
        with self._changed:
            self._connection = None
            if self._exchange.is_asked and not self._has_left:
                raise ConfigurationError(
                    "the supervisor ended while it waited for an answer of this client; start this "
                    "server again, and a new one takes over: its runs are on record and can be "
                    "waited for or resumed"
                )
            self._answers += self._exchange.abandoned()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._answers or self._has_left or self._connection is not None
                )
                if not self._answers:
                    return self._connection
                answers, self._answers = self._answers, bytearray()
            self._write(answers)

    def _from_client(self) -> None:
        lines = LineBuffer()
        try:
            while data := _read(self._stdin):
                for line in lines.feed(data):
                    self._pass_on(line)
        except Exception as error:  # noqa: BLE001 - it is raised by the main thread
            self._trouble = error
        with self._changed:
            self._has_left = True
            if self._connection is None:
                self._answers += self._exchange.abandoned()
            else:
                with contextlib.suppress(OSError):
                    self._connection.shutdown(socket.SHUT_WR)
            self._changed.notify()

    def _pass_on(self, line: bytes) -> None:
        with self._changed:
            request = self._exchange.from_client(line)
            connection = self._connection
        if connection is None:
            # Whatever else it tells was meant for the one that ended.
            connection = None if request is None else self._connected_again(*request)
        if connection is not None:
            # When nobody takes it, `_next` answers.
            with contextlib.suppress(OSError):
                connection.sendall(line + b"\n")

    def _connected_again(self, message_id: object, method: str) -> socket.socket | None:
        """Connect to another supervisor, or answer a request that does not lead to one."""
        if method == "ping":
            # Clients ask by the clock, which is no reason to start one.
            self._answer(pong(message_id))
            return None
        try:
            connection = self._connect()
        except CodexMCPError as error:
            self._answer(refusal(message_id, method, str(error)))
            return None
        if method != "initialize":
            with contextlib.suppress(OSError):
                connection.sendall(self._exchange.introduction)
        with self._changed:
            self._connection = connection
            self._changed.notify()
        return connection

    def _answer(self, line: bytes) -> None:
        with self._changed:
            self._exchange.from_server(line)
            self._answers += line
            self._changed.notify()

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._stdout, view) :]


def _read(stdin: int) -> bytes:
    try:
        return os.read(stdin, _CHUNK_BYTES)
    except OSError:
        return b""


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_CHUNK_BYTES)
    except ConnectionError:
        return b""
