"""A relay between a client and supervisors that the test plays, over real sockets."""

from __future__ import annotations

import json
import queue
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from codexmcp.jsonrpc.messages import Dialect, encode_request
from codexmcp.supervisor.exchange import ENDED
from codexmcp.supervisor.relay import relay

BOUND_S = 20.0


class Relayed:
    """A client and its relay, which is connected to a supervisor.

    Attributes:
        connect: What the relay connects by.
        ended: Done when the relay has ended.
        supervisor: The supervisor's end of its first connection.
    """

    def __init__(self, client: socket.socket, threads: ThreadPoolExecutor) -> None:
        self._client = client
        self._answers = client.makefile("rb")
        self._connections: queue.Queue[socket.socket] = queue.Queue()
        self.connect: Callable[[], socket.socket] = self._connected
        self.ended = threads.submit(relay, self._connect)
        self.supervisor = self._connections.get(timeout=BOUND_S)

    def _connect(self) -> socket.socket:
        return self.connect()

    def _connected(self) -> socket.socket:
        ours, theirs = pair()
        self._connections.put(theirs)
        ours.settimeout(None)
        return ours

    def ask(self, message_id: int | str, method: str = "tools/list") -> None:
        """Ask for something."""
        self._client.sendall(encode_request(Dialect.MCP, message_id, method, None))

    def answer(self) -> dict[str, Any]:
        """Return the next answer."""
        told: dict[str, Any] = json.loads(self._answers.readline())
        return told

    def leave(self) -> None:
        """Write nothing any more."""
        self._client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End both, so that the relay ends."""
        self.supervisor.close()
        self._client.shutdown(socket.SHUT_RDWR)
        self._answers.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the ends of a connection, where no wait is without bound."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(BOUND_S)
    return ends


@pytest.fixture
def relayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Relayed]:
    ours, client = pair()
    ours.settimeout(None)
    monkeypatch.setattr(sys, "stdin", ours)
    monkeypatch.setattr(sys, "stdout", ours)
    with ThreadPoolExecutor() as threads, ours, client:
        made = Relayed(client, threads)
        yield made
        made.close()


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
    relayed.ask("x")
    relayed.leave()
    while relayed.supervisor.recv(4096):
        pass
    relayed.supervisor.close()
    answer = relayed.answer()
    assert (answer["id"], answer["error"]["message"]) == ("x", ENDED)
    relayed.ended.result(BOUND_S)


def test_a_failure_that_nobody_thought_of_ends_the_relay_with_it(relayed: Relayed) -> None:
    def fail() -> socket.socket:
        raise RuntimeError("no more threads")

    relayed.connect = fail
    relayed.supervisor.close()
    relayed.ask("ping", "ping")
    assert relayed.answer()["id"] == "ping"
    # By now the relay knows that it is alone.
    relayed.ask("x")
    assert relayed.answer()["error"]["message"] == ENDED
    with pytest.raises(RuntimeError, match="no more threads"):
        relayed.ended.result(BOUND_S)
