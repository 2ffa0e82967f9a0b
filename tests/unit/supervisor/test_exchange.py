from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.jsonrpc.messages import Dialect, encode_notification, encode_request, encode_result
from codexmcp.supervisor.exchange import ENDED, Exchange, refusal

MCP = Dialect.MCP


def request(message_id: int | str, method: str = "tools/call") -> bytes:
    return encode_request(MCP, message_id, method, {}).rstrip()


def told(lines: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_what_waits_for_an_answer_gets_one_and_nothing_else_does() -> None:
    exchange = Exchange()
    for message_id in (1, "1", 2):
        exchange.from_client(request(message_id))
    exchange.from_client(request(3, "tools/list"))
    assert exchange.from_server(encode_result(MCP, 1, {"any": "method"}))
    cancelled = {"requestId": 2}
    exchange.from_client(encode_notification(MCP, "notifications/cancelled", cancelled).rstrip())
    left, listing = told(exchange.abandoned())
    assert left["id"] == "1"
    assert left["result"] == {"content": [{"type": "text", "text": ENDED}], "isError": True}
    assert (listing["id"], listing["error"]["message"]) == (3, ENDED)
    assert exchange.abandoned() == b""


def test_a_request_is_told_from_what_needs_no_answer() -> None:
    exchange = Exchange()
    assert exchange.from_client(request("x", "ping")) == ("x", "ping")
    for line in (b'{"id":1,"result":{}}', b'{"method":"told"}', b"nonsense", b"[1]", b"[" * 9999):
        assert exchange.from_client(line) is None


def test_what_the_client_was_asked_waits_until_it_answers() -> None:
    exchange = Exchange()
    assert not exchange.is_asked
    assert exchange.from_server(request(0, "elicitation/create"))
    assert exchange.is_asked
    exchange.from_client(encode_result(MCP, 0, {"action": "decline"}).rstrip())
    assert not exchange.is_asked


def test_a_question_that_was_withdrawn_needs_no_answer() -> None:
    exchange = Exchange()
    for message_id in (0, 1):
        exchange.from_server(request(message_id, "elicitation/create"))
    for message_id in (0, 1):
        assert exchange.is_asked
        cancelled = {"requestId": message_id}
        line = encode_notification(MCP, "notifications/cancelled", cancelled).rstrip()
        assert exchange.from_server(line)
    assert not exchange.is_asked


def test_the_next_supervisor_is_told_who_the_client_is_and_its_answer_to_that_is_kept() -> None:
    exchange = Exchange()
    assert exchange.introduction == b""
    params: dict[str, Any] = {"capabilities": {"elicitation": {}}}
    exchange.from_client(encode_request(MCP, 7, "initialize", params).rstrip())
    exchange.from_server(encode_result(MCP, 7, {}))
    exchange.from_client(encode_notification(MCP, "notifications/initialized", None).rstrip())
    first, second = told(exchange.introduction)
    assert (first["method"], first["params"]) == ("initialize", params)
    assert first["id"] != 7
    assert second["method"] == "notifications/initialized"
    assert not exchange.from_server(encode_result(MCP, first["id"], {}))
    assert exchange.abandoned() == b""


@given(
    st.integers(min_value=-(2**70), max_value=2**70) | st.text(max_size=8),
    st.sampled_from(["result", "error", "method"]),
)
def test_an_id_is_found_however_a_line_is_written(message_id: int | str, member: str) -> None:
    fields = {"jsonrpc": "2.0", "id": message_id, member: {"id": 1, "method": "x"}}
    for line in (
        json.dumps(fields, separators=(",", ":")).encode(),
        json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode(),
        json.dumps(fields).encode(),
    ):
        exchange = Exchange()
        exchange.from_client(request(message_id))
        assert exchange.from_server(line)
        assert exchange.is_asked == (member == "method")
        assert (exchange.abandoned() == b"") == (member != "method")


def test_an_answer_is_passed_on_without_being_read() -> None:
    exchange = Exchange()
    exchange.from_client(request(1))
    assert exchange.from_server(b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000)
    assert exchange.abandoned() == b""


@pytest.mark.parametrize("line", [b"torn", b'{"id":null}', b"{}"])
def test_a_line_that_is_no_message_is_passed_on(line: bytes) -> None:
    assert Exchange().from_server(line)


def test_a_refused_tool_tells_the_model_and_another_request_its_client() -> None:
    assert told(refusal(1, "tools/call", "why"))[0]["result"]["isError"]
    assert told(refusal(1, "tools/list", "why"))[0]["error"]["message"] == "why"
