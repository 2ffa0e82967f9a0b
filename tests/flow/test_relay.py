"""A relay between a client and supervisors that the test plays, over real sockets."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from codexmcp.errors import ConfigurationError
from codexmcp.jsonrpc.messages import Dialect, encode_notification, encode_request, encode_result
from codexmcp.server.reception import Reception
from codexmcp.supervisor import relay as relaying_module
from codexmcp.supervisor.exchange import ENDED
from codexmcp.supervisor.relay import relay
from tests.support.envelope import enveloped

BOUND_S = 20.0


class Relayed:
    """A client and its relay, which is connected to a supervisor.

    Attributes:
        gate: Holds back what the relay connects by until it is set.
        connect: What the relay connects by.
        ended: Done when the relay has ended.
        supervisor: The supervisor's end of its first connection.
    """

    def __init__(
        self, client: socket.socket, threads: ThreadPoolExecutor, *, is_cold: bool = False
    ) -> None:
        self._client = client
        self._answers = client.makefile("rb")
        # None yet.
        self.supervisor = socket.socket()
        self._connections: queue.Queue[socket.socket] = queue.Queue()
        self.connect: Callable[[], socket.socket] = self._connected
        self._is_over = False
        self.gate = threading.Event()
        self._is_connecting = threading.Event()
        self.ended = threads.submit(relay, self._connect, a_reception)
        # By then it has looked for stdout, which pytest changes for the test itself.
        assert self._is_connecting.wait(BOUND_S)
        if not is_cold:
            self.start()

    def start(self) -> None:
        """Let the supervisor come up that the relay waits for."""
        self.gate.set()
        self.supervisor.close()
        self.supervisor = self._connections.get(timeout=BOUND_S)

    def heard(self, count: int) -> list[dict[str, Any]]:
        """Return the next lines that the supervisor is told."""
        return [json.loads(self._line()) for _ in range(count)]

    def _line(self) -> bytes:
        # Not by a file: a socket is open for as long as one of it is.
        line = b""
        while not line.endswith(b"\n"):
            line += self.supervisor.recv(1)
        return line

    def _connect(self) -> socket.socket:
        self._is_connecting.set()
        assert self.gate.wait(BOUND_S)
        return self.connect()

    def _connected(self) -> socket.socket:
        ours, theirs = pair()
        if self._is_over:
            theirs.close()
        self._connections.put(theirs)
        ours.settimeout(None)
        return ours

    def tell(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Tell something."""
        self._client.sendall(encode_notification(Dialect.MCP, method, params))

    def ask(
        self,
        message_id: int | str,
        method: str = "tools/list",
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Ask for something."""
        self._client.sendall(encode_request(Dialect.MCP, message_id, method, params))

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        told: dict[str, Any] = json.loads(self._answers.readline())
        return told

    def leave(self) -> None:
        """Write nothing any more."""
        self._client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End both, so that the relay ends."""
        self._is_over = True
        self.gate.set()
        self.supervisor.close()
        with contextlib.suppress(queue.Empty):
            while True:
                self._connections.get_nowait().close()
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        self._answers.close()


def a_reception() -> Reception:
    return Reception("1", ["codex"], strict=False)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the ends of a connection, where no wait is without bound."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(BOUND_S)
    return ends


@contextlib.contextmanager
def relaying(monkeypatch: pytest.MonkeyPatch, *, is_cold: bool) -> Iterator[Relayed]:
    """Run a relay while the block runs."""
    ours, client = pair()
    ours.settimeout(None)
    monkeypatch.setattr(sys, "stdin", ours)
    monkeypatch.setattr(sys, "stdout", ours)
    with ThreadPoolExecutor() as threads, ours, client:
        made = Relayed(client, threads, is_cold=is_cold)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def relayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Relayed]:
    with relaying(monkeypatch, is_cold=False) as made:
        yield made


@pytest.fixture
def cold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Relayed]:
    """A relay whose supervisor is still being started when its patience has ended."""
    monkeypatch.setattr(relaying_module, "PATIENCE_S", 0.0)
    with relaying(monkeypatch, is_cold=True) as made:
        yield made


def test_a_client_may_write_all_of_its_own_before_it_reads_with_no_supervisor_there(
    relayed: Relayed,
) -> None:
    """What it writes and what it is answered are each more than a socket holds."""
    relayed.supervisor.close()
    numbers = range(20_000)
    for number in numbers:
        relayed.ask(number, "ping")
    assert [relayed.answer()["id"] for _ in numbers] == list(numbers)


def test_a_client_that_has_closed_stdin_is_told_that_the_supervisor_ended(
    relayed: Relayed,
) -> None:
    relayed.ask("x", "tools/call")
    relayed.leave()
    while relayed.supervisor.recv(4096):
        pass
    relayed.supervisor.close()
    answer = relayed.answer()
    assert (answer["id"], answer["result"]["content"][0]["text"]) == ("x", ENDED)
    relayed.ended.result(BOUND_S)


def test_a_failure_that_nobody_thought_of_ends_the_relay_with_it(relayed: Relayed) -> None:
    def fail() -> socket.socket:
        raise RuntimeError("no more threads")

    relayed.connect = fail
    relayed.supervisor.close()
    relayed.ask("ping", "ping")
    assert relayed.answer()["id"] == "ping"
    # By now the relay knows that it is alone.
    relayed.ask("x", "tools/call")
    assert relayed.answer()["result"]["content"][0]["text"] == ENDED
    with pytest.raises(RuntimeError, match="no more threads"):
        relayed.ended.result(BOUND_S)


INITIALIZE: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "c", "version": "1"},
}
AGREED = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}}
CALL = {"name": "codex", "arguments": {"prompt": "x"}}


def begin(cold: Relayed) -> None:
    """Have a client introduce itself, and be answered with no supervisor there."""
    cold.ask(1, "initialize", INITIALIZE)
    assert cold.answer()["result"] == a_reception().answer("initialize", INITIALIZE)
    cold.tell("notifications/initialized")
    cold.ask(2)
    assert cold.answer()["result"] == a_reception().answer("tools/list", {})


def introduced(cold: Relayed, agreed: Mapping[str, Any] = AGREED) -> None:
    """Be the supervisor that comes up, and to which the client is introduced."""
    cold.start()
    first, second = cold.heard(2)
    assert (first["method"], first["params"]) == ("initialize", INITIALIZE)
    assert second["method"] == "notifications/initialized"
    cold.supervisor.sendall(encode_result(Dialect.MCP, first["id"], agreed))


def test_a_client_is_answered_while_its_supervisor_is_being_started(cold: Relayed) -> None:
    begin(cold)
    cold.ask(3, "ping")
    assert cold.answer()["result"] == {}
    cold.ask(4, "server/discover", enveloped())
    assert cold.answer()["result"]["supportedVersions"] == ["2026-07-28"]
    cold.ask(5, "logging/setLevel")
    assert cold.answer()["error"]["code"] == -32601


def test_what_needs_a_supervisor_comes_to_it_in_order_behind_the_introduction(
    cold: Relayed,
) -> None:
    begin(cold)
    cold.ask(3, "tools/call", CALL)
    cold.ask(4, "codexmcp/status")
    cold.tell("notifications/cancelled", {"requestId": 3})
    # Behind the others, so that the relay has them.
    cold.ask(5, "ping")
    assert cold.answer()["id"] == 5
    introduced(cold)
    call, status, cancelled = cold.heard(3)
    assert (call["params"], status["method"]) == (CALL, "codexmcp/status")
    assert cancelled["params"] == {"requestId": 3}
    # The supervisor's own answer to the introduction was meant for the relay.
    cold.supervisor.sendall(encode_result(Dialect.MCP, 4, {"pid": 1}))
    assert cold.answer() == {"jsonrpc": "2.0", "id": 4, "result": {"pid": 1}}


def test_a_client_that_leaves_early_gets_the_answers_of_the_supervisor_that_comes_up(
    cold: Relayed,
) -> None:
    begin(cold)
    cold.ask(3, "tools/call", CALL)
    cold.leave()
    introduced(cold)
    (call,) = cold.heard(1)
    assert cold.supervisor.recv(1) == b""
    cold.supervisor.sendall(encode_result(Dialect.MCP, call["id"], {"content": []}))
    cold.supervisor.close()
    assert cold.answer()["result"] == {"content": []}
    cold.ended.result(BOUND_S)


def fail() -> socket.socket:
    """Start no supervisor."""
    raise ConfigurationError("no Codex; install it")


def test_each_call_tells_why_no_supervisor_can_be_started_and_tries_again(cold: Relayed) -> None:
    good, cold.connect = cold.connect, fail
    begin(cold)
    cold.gate.set()
    for number in (3, 4):
        cold.ask(number, "tools/call", CALL)
        told = cold.answer()
        assert told["result"]["isError"]
        assert told["result"]["content"][0]["text"] == "no Codex; install it"
    cold.connect = good
    cold.ask(5, "tools/call", CALL)
    introduced(cold)
    assert cold.heard(1)[0]["id"] == 5
    cold.leave()
    cold.supervisor.close()
    assert cold.answer()["id"] == 5
    cold.ended.result(BOUND_S)


def test_a_client_that_never_had_a_supervisor_is_told_why_by_the_end(cold: Relayed) -> None:
    cold.connect = fail
    begin(cold)
    cold.leave()
    cold.gate.set()
    with pytest.raises(ConfigurationError, match="no Codex"):
        cold.ended.result(BOUND_S)


def test_a_supervisor_that_speaks_otherwise_is_sent_no_call(cold: Relayed) -> None:
    begin(cold)
    cold.ask(3, "tools/call", CALL)
    introduced(cold, {**AGREED, "protocolVersion": "2026-07-28"})
    assert "serve --stop" in cold.answer()["result"]["content"][0]["text"]
    assert cold.supervisor.recv(1) == b""


def test_a_supervisor_that_ends_while_it_is_introduced_to_is_one_that_ended(
    cold: Relayed,
) -> None:
    begin(cold)
    cold.ask(3, "tools/call", CALL)
    cold.start()
    cold.heard(2)
    cold.supervisor.shutdown(socket.SHUT_RDWR)
    assert cold.answer()["result"]["content"][0]["text"] == ENDED
    cold.ask(4, "tools/call", CALL)
    introduced(cold)
    assert cold.heard(1)[0]["id"] == 4


def test_a_supervisor_that_comes_up_soon_answers_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relaying_module, "PATIENCE_S", BOUND_S)
    with relaying(monkeypatch, is_cold=True) as cold:
        cold.ask(1, "initialize", {})
        cold.start()
        assert [each["id"] for each in cold.heard(1)] == [1]
