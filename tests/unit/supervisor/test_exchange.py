from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import ConfigurationError
from codexmcp.jsonrpc.messages import (
    Dialect,
    encode_error,
    encode_notification,
    encode_request,
    encode_result,
)
from codexmcp.server.envelope import LISTEN
from codexmcp.server.reception import Reception
from codexmcp.supervisor.exchange import ENDED, Exchange
from tests.support.envelope import enveloped

MCP = Dialect.MCP


def an_exchange() -> Exchange:
    return Exchange(lambda: Reception("1", ["codex"], strict=False))


def request(message_id: int | str, method: str = "tools/call") -> bytes:
    return encode_request(MCP, message_id, method, {}).rstrip()


def told(lines: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_what_waits_for_an_answer_gets_one_and_nothing_else_does() -> None:
    exchange = an_exchange()
    for message_id in (1, "1", 2):
        exchange.from_client(request(message_id))
    exchange.from_client(request(3, "tools/list"))
    exchange.from_server(encode_result(MCP, 1, {"any": "method"}))
    cancelled = {"requestId": 2}
    exchange.from_client(encode_notification(MCP, "notifications/cancelled", cancelled).rstrip())
    left, listing = told(exchange.abandoned())
    assert left["id"] == "1"
    assert left["result"] == {"content": [{"type": "text", "text": ENDED}], "isError": True}
    assert (listing["id"], listing["error"]["message"]) == (3, ENDED)
    assert exchange.abandoned() == b""


def test_programs_for_people_are_told_of_no_tools() -> None:
    exchange = an_exchange()
    exchange.from_client(request(1, "codexmcp/interrupt"))
    (refused,) = told(exchange.abandoned())
    assert "codex_runs" not in refused["error"]["message"]


def test_a_request_is_told_from_what_needs_no_answer() -> None:
    exchange = an_exchange()
    assert exchange.from_client(request("x", "ping")) == ("x", "ping")
    for line in (b'{"id":1,"result":{}}', b'{"method":"told"}', b"nonsense", b"[1]", b"[" * 9999):
        assert exchange.from_client(line) is None


def test_what_the_client_was_asked_waits_until_it_answers() -> None:
    exchange = an_exchange()
    assert not exchange.is_asked
    exchange.from_server(request(0, "elicitation/create"))
    assert exchange.is_asked
    exchange.from_client(encode_result(MCP, 0, {"action": "decline"}).rstrip())
    assert not exchange.is_asked


def test_a_question_that_was_withdrawn_needs_no_answer() -> None:
    exchange = an_exchange()
    for message_id in (0, 1):
        exchange.from_server(request(message_id, "elicitation/create"))
    for message_id in (0, 1):
        assert exchange.is_asked
        cancelled = {"requestId": message_id}
        line = encode_notification(MCP, "notifications/cancelled", cancelled).rstrip()
        exchange.from_server(line)
    assert not exchange.is_asked


INITIALIZE: dict[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"elicitation": {}},
    "clientInfo": {"name": "c", "version": "1"},
}
INITIALIZED = encode_notification(MCP, "notifications/initialized", None).rstrip()


def introduced(exchange: Exchange, *, by_supervisor: bool) -> None:
    """Have a client introduce itself."""
    line = encode_request(MCP, 7, "initialize", INITIALIZE).rstrip()
    exchange.from_client(line)
    result = Reception("1", ["codex"], strict=False).answer("initialize", INITIALIZE)
    answer = encode_result(MCP, 7, result)
    if by_supervisor:
        exchange.from_server(answer.rstrip())
    else:
        assert exchange.answer(line, "initialize") == answer
    exchange.from_client(INITIALIZED)


@pytest.mark.parametrize("by_supervisor", [True, False])
def test_a_supervisor_is_told_who_the_client_is_that_was_answered_before(
    *, by_supervisor: bool
) -> None:
    exchange = an_exchange()
    assert exchange.introduction == b""
    introduced(exchange, by_supervisor=by_supervisor)
    first, second = told(exchange.introduction)
    assert (first["method"], first["params"]) == ("initialize", INITIALIZE)
    assert first["id"] != 7
    assert second["method"] == "notifications/initialized"
    assert exchange.abandoned() == b""


@pytest.mark.parametrize("by_supervisor", [True, False])
def test_an_initialize_is_answered_once(*, by_supervisor: bool) -> None:
    exchange = an_exchange()
    introduced(exchange, by_supervisor=by_supervisor)
    introduction = exchange.introduction
    again = encode_request(MCP, 8, "initialize", {**INITIALIZE, "protocolVersion": "1"}).rstrip()
    exchange.from_client(again)
    (answer,) = told(exchange.answer(again, "initialize") or b"")
    assert answer["error"]["message"] == "initialize called more than once"
    assert exchange.introduction == introduction


def test_a_client_that_was_never_answered_is_not_introduced() -> None:
    exchange = an_exchange()
    exchange.from_client(encode_request(MCP, 7, "initialize", {}).rstrip())
    exchange.from_server(encode_error(MCP, 7, -32601, "method not found: initialize").rstrip())
    exchange.from_client(INITIALIZED)
    assert exchange.introduction == b""


TERMS = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {"listChanged": True}}}


@pytest.mark.parametrize(
    ("result", "agrees"),
    [
        ({**TERMS, "serverInfo": {"version": "other"}}, True),
        ({**TERMS, "protocolVersion": "2026-07-28"}, False),
        ({**TERMS, "capabilities": {}}, False),
        ({}, False),
    ],
)
def test_a_supervisor_that_speaks_otherwise_than_the_client_was_told_is_not_used(
    result: dict[str, Any], *, agrees: bool
) -> None:
    exchange = an_exchange()
    introduced(exchange, by_supervisor=False)
    answer = encode_result(MCP, "codexmcp-relay", result)
    if agrees:
        exchange.check_introduction(answer)
    else:
        with pytest.raises(ConfigurationError, match="serve --stop"):
            exchange.check_introduction(answer)


@pytest.mark.parametrize("method", ["tools/call", "codexmcp/status", "codexmcp/attach"])
def test_what_a_supervisor_alone_can_answer_is_left_to_it(method: str) -> None:
    assert an_exchange().answer(request(1, method), method) is None
    # Beyond the bounds: it is refused, and says which.
    many = encode_request(MCP, 1, "ping", {"many": [[]] * 30_000})
    assert an_exchange().answer(many.rstrip(), "ping") is None
    # No JSON-RPC: a supervisor does not answer it.
    assert an_exchange().answer(b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', "ping") is None


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
        exchange = an_exchange()
        exchange.from_client(request(message_id))
        exchange.from_server(line)
        assert exchange.is_asked == (member == "method")
        assert (exchange.abandoned() == b"") == (member != "method")


def test_an_answer_is_passed_on_without_being_read() -> None:
    exchange = an_exchange()
    exchange.from_client(request(1))
    exchange.from_server(b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000)
    assert exchange.abandoned() == b""


@pytest.mark.parametrize("line", [b"torn", b'{"id":null}', b"{}"])
def test_a_line_that_is_no_message_is_passed_on(line: bytes) -> None:
    an_exchange().from_server(line)


ENVELOPE = enveloped()


@pytest.mark.parametrize("params", [{}, ENVELOPE])
def test_a_refused_tool_tells_the_model_and_another_request_its_client(
    params: dict[str, Any],
) -> None:
    exchange = an_exchange()
    for number, method in enumerate(("tools/call", "tools/list")):
        exchange.from_client(encode_request(MCP, number, method, params).rstrip())
    call, listing = told(exchange.abandoned("why"))
    assert call["result"]["isError"]
    # A client of MCP 2026-07-28 refuses a result without its kind.
    assert call["result"].get("resultType") == ("complete" if params else None)
    assert listing["error"]["message"] == "why"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel", LISTEN])
def test_a_request_about_tasks_waits_for_a_supervisor(method: str) -> None:
    exchange = an_exchange()
    line = encode_request(MCP, 1, method, ENVELOPE).rstrip()
    exchange.from_client(line)
    assert exchange.answer(line, method) is None
    answers, again = exchange.lost()
    # A client takes an error of `tasks/get` for the end of its task.
    assert again == ([] if method == LISTEN else [line])
    assert [each["error"]["code"] for each in told(answers)] == [-32603] * (method == LISTEN)
    # A request that ends each supervisor is not repeated for ever.
    answers, again = exchange.lost()
    assert (len(told(answers)), again) == (method != LISTEN, [])
