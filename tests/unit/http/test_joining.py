from __future__ import annotations

import h11
import pytest

from codexmcp.http.serving import CombiningConnection

HEAD = b"HTTP/1.1 200 "


def asked(method: str = "GET") -> CombiningConnection:
    connection = CombiningConnection(1000)
    connection.receive_data(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    connection.next_event()
    connection.next_event()
    return connection


def answer(*headers: tuple[str, str]) -> h11.Response:
    return h11.Response(status_code=200, headers=list(headers))


@pytest.mark.parametrize(("method", "body"), [("GET", b"abc"), ("GET", b""), ("HEAD", b"")])
def test_a_head_is_given_with_the_body_that_follows_at_once(method: str, body: bytes) -> None:
    connection = asked(method)
    length = "3" if method == "HEAD" else str(len(body))
    assert connection.send(answer(("Content-Length", length))) == b""
    sent = connection.send(h11.Data(data=body))
    assert sent.startswith(HEAD)
    assert sent.endswith(b"\r\n\r\n" + body)
    assert connection.send(h11.EndOfMessage()) == b""


def test_the_head_of_a_stream_is_given_before_its_first_event() -> None:
    connection = asked()
    assert connection.send(answer(("Content-Type", "text/event-stream"))).startswith(HEAD)
    assert connection.send(h11.Data(data=b"abc")) == b"3\r\nabc\r\n"


def test_the_next_answer_has_only_its_own_head() -> None:
    connection = asked()
    for _ in range(2):
        assert connection.send(answer(("Content-Length", "1"))) == b""
        assert connection.send(h11.Data(data=b"a")).count(HEAD) == 1
        connection.send(h11.EndOfMessage())
        connection.start_next_cycle()
        connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.next_event()
        connection.next_event()
