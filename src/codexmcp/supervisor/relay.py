"""Relays lines between stdin, stdout and the supervisor, and outlives the supervisor.

Owns nothing: a killed relay loses nothing. During the start of a supervisor, the relay answers
requests independent of a supervisor and holds back all others. At the end of the supervisor the
relay answers open requests, and the client's next request goes to a new supervisor, because clients
do not restart an ended server. Imports no event loop, to answer the waiting client early.
"""

from __future__ import annotations

import contextlib
import enum
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from codexmcp.errors import CodexMCPError, ConfigurationError, DeadlineError
from codexmcp.jsonrpc.framing import MAX_LINE_BYTES, LineBuffer
from codexmcp.jsonrpc.stdio import expect_client, stdout_error
from codexmcp.supervisor.exchange import Exchange

if TYPE_CHECKING:
    from codexmcp.server.reception import Reception

INTRODUCTION_TIMEOUT_S = 10.0
"""Bound on a supervisor's answer to the introduction of a client. The answer takes milliseconds."""

PATIENCE_S = 0.5
"""Wait for the supervisor before the first answers without a supervisor. A supervisor starts in
0.3 s on an idle machine, and Claude Code waits about 2 s for tools."""

_CHUNK_BYTES = 256 * 1024


class _State(enum.Enum):
    """The relation of the relay to a supervisor.

    APART ──request──> CONNECTING ──> INTRODUCING ──> CONNECTED
      ^                    │               │              │
      └──── it failed ─────┴───────────────┴── it ended ──┘
    """

    APART = enum.auto()
    CONNECTING = enum.auto()
    """The relay answers the client if possible, and holds back all other lines."""
    INTRODUCING = enum.auto()
    """The relay holds back all lines, to send them in order after the introduction."""
    CONNECTED = enum.auto()


def relay(connect: Callable[[], socket.socket], reception: Callable[[], Reception]) -> None:
    """Relay until the client has closed stdin and has all answers.

    Args:
        connect: Connects to the supervisor, after a start if necessary. Called in any thread.
        reception: Makes the reception, the source of answers without a supervisor.

    Raises:
        CodexMCPError: The reason why no supervisor was ever connected.
        ConfigurationError: A supervisor ended before the client's answer to its request, or stdin
            or stdout is closed.
        WorkError: stdout cannot be written to.
        ProtocolError: A line is too long.
    """
    expect_client()
    _Relay(connect, reception, sys.stdin.fileno(), sys.stdout.fileno()).run()


class _Relay:
    def __init__(
        self,
        connect: Callable[[], socket.socket],
        reception: Callable[[], Reception],
        stdin: int,
        stdout: int,
    ) -> None:
        self._connect = connect
        self._stdin = stdin
        self._stdout = stdout
        self._exchange = Exchange(reception)
        # Guards the exchange and the fields below. Not held during a write to stdout, done by the
        # main thread alone: a client may write all its lines before the first read.
        self._changed = threading.Condition()
        self._state = _State.APART
        self._connection: socket.socket | None = None
        self._held: list[bytes] = []
        self._answers = bytearray()
        self._has_left = False
        self._trouble: Exception | None = None
        self._no_supervisor: Exception | None = None
        """The reason why no supervisor was ever connected."""
        self._had_one = False
        self._patient_until = 0.0

    def run(self) -> None:
        self._patient_until = time.monotonic() + PATIENCE_S
        with self._changed:
            self._begin()
        # A daemon thread, because a thread at a read of stdin cannot be stopped.
        threading.Thread(target=self._from_client, daemon=True).start()
        with contextlib.suppress(BrokenPipeError):
            while (connection := self._next()) is not None:
                self._from_server(connection)
                self._lost()
        if trouble := self._trouble or self._no_supervisor:
            raise trouble

    # The main thread.

    def _next(self) -> socket.socket | None:
        """Write answers until a connection exists; return None after the client has left."""
        while True:
            with self._changed:
                self._changed.wait_for(self._has_news)
                if not self._answers:
                    return self._connection
                answers, self._answers = self._answers, bytearray()
            self._write(answers)

    def _has_news(self) -> bool:
        if self._answers or self._state is _State.CONNECTED:
            return True
        return self._has_left and self._state is _State.APART

    def _from_server(self, connection: socket.socket) -> None:
        """Pass on whole lines until the supervisor ends, without a last incomplete line."""
        lines = LineBuffer()
        with connection:
            while data := _received(connection):
                complete = lines.feed(data)
                with self._changed:
                    for line in complete:
                        self._exchange.from_server(line)
                self._write(b"\n".join([*complete, b""]))

    def _lost(self) -> None:
        """Answer open requests in place of an ended supervisor, or repeat them at the next."""
        with self._changed:
            self._state, self._connection = _State.APART, None
            if self._exchange.is_asked and not self._has_left:
                raise ConfigurationError(
                    "the supervisor ended while it waited for an answer of this client; start this "
                    "server again, and a new one takes over: its runs are on record and can be "
                    "waited for or resumed"
                )
            if self._has_left:
                self._answers += self._exchange.abandoned()
                return
            answers, again = self._exchange.lost()
            self._answers += answers
            if again:
                self._held += again
                self._begin()

    def _write(self, data: bytes | bytearray) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._stdout, view) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise stdout_error(error) from None

    # The thread of the client.

    def _from_client(self) -> None:
        lines = LineBuffer()
        try:
            while data := _read(self._stdin):
                for line in lines.feed(data):
                    self._pass_on(line)
        except Exception as error:  # noqa: BLE001 - the main thread raises the error
            self._trouble = error
        with self._changed:
            self._has_left = True
            if self._state is _State.APART:
                self._answers += self._exchange.abandoned()
            elif self._connection is not None:
                _shut(self._connection)
            self._changed.notify_all()

    def _pass_on(self, line: bytes) -> None:
        with self._changed:
            self._changed.wait_for(self._has_room)
            patience_s = max(0.0, self._patient_until - time.monotonic())
            self._changed.wait_for(self._is_settled, patience_s)
            request = self._exchange.from_client(line)
            if self._state is not _State.CONNECTED:
                self._hold(line, request)
                return
            connection = self._connection
        if connection is not None:
            # After a failed send, `_lost` answers.
            with contextlib.suppress(OSError):
                connection.sendall(line + b"\n")

    def _has_room(self) -> bool:
        return sum(map(len, self._held)) < MAX_LINE_BYTES

    def _is_settled(self) -> bool:
        return self._state in {_State.CONNECTED, _State.APART}

    def _hold(self, line: bytes, request: tuple[object, str] | None) -> None:
        """Answer a line without a supervisor, or hold the line back for a supervisor."""
        if self._state is not _State.INTRODUCING:
            if request is None:
                # With nothing held, the introduction contains the line, or the line was for an
                # ended supervisor.
                if self._held:
                    self._held.append(line)
                return
            if (answer := self._exchange.answer(line, request[1])) is not None:
                self._answers += answer
                self._changed.notify_all()
                return
        self._held.append(line)
        if self._state is _State.APART:
            self._begin()

    # The thread that connects.

    def _begin(self) -> None:
        """Connect to a supervisor in a separate thread, so that the client does not wait."""
        self._state = _State.CONNECTING
        threading.Thread(target=self._connect_behind, daemon=True).start()

    def _connect_behind(self) -> None:
        try:
            connection = self._connect()
            try:
                self._introduce(connection)
            except BaseException:
                connection.close()
                raise
        except Exception as error:  # noqa: BLE001 - the main thread raises the error
            self._failed(error)

    def _introduce(self, connection: socket.socket) -> None:
        """Introduce the client, and send the lines held back since."""
        with self._changed:
            self._state = _State.INTRODUCING
            introduction = self._exchange.introduction
        if introduction and (answer := _answered(connection, introduction)):
            self._exchange.check_introduction(answer)
        while lines := self._taken(connection):
            # After a failed send, `_lost` answers.
            with contextlib.suppress(OSError):
                connection.sendall(lines)

    def _taken(self, connection: socket.socket) -> bytes:
        """Return the lines held back; without such lines, give the connection to the client."""
        with self._changed:
            held, self._held = self._held, []
            if not held:
                self._state, self._connection = _State.CONNECTED, connection
                self._had_one, self._no_supervisor = True, None
                if self._has_left:
                    _shut(connection)
            self._changed.notify_all()
        return b"".join(line + b"\n" for line in held)

    def _failed(self, error: Exception) -> None:
        """Answer open requests with the error of the start; the next request tries again."""
        with self._changed:
            self._state = _State.APART
            self._held.clear()
            if not isinstance(error, CodexMCPError):
                self._trouble, self._has_left = error, True
                self._answers += self._exchange.abandoned()
            else:
                self._no_supervisor = None if self._had_one else error
                self._answers += self._exchange.abandoned(str(error))
            self._changed.notify_all()


def _answered(connection: socket.socket, introduction: bytes) -> bytes:
    """Return a supervisor's answer to an introduction; empty from an ended supervisor.

    Raises:
        DeadlineError: The supervisor does not answer in time.
    """
    answer = b""
    connection.settimeout(INTRODUCTION_TIMEOUT_S)
    try:
        connection.sendall(introduction)
        # A supervisor sends nothing else before the next request.
        while not answer.endswith(b"\n"):
            if not (data := connection.recv(_CHUNK_BYTES)):
                return b""
            answer += data
    except TimeoutError:
        raise DeadlineError(
            f"the supervisor does not answer within {INTRODUCTION_TIMEOUT_S:g} s; it may be stuck: "
            "`codexmcp serve --stop` ends it"
        ) from None
    except OSError:
        return b""
    connection.settimeout(None)
    return answer


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)


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
