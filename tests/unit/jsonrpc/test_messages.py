from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import UsageError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.messages import (
    Dialect,
    ErrorResponse,
    InvalidMessage,
    Notification,
    Request,
    Response,
    decode,
    head_of,
)

APP = Dialect.APP_SERVER
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
IDS = st.integers() | st.text(max_size=8)


@given(message_id=IDS, method=st.text(max_size=8), params=PARAMS)
def test_a_request_comes_back_as_it_was(
    message_id: int | str, method: str, params: dict[str, Any]
) -> None:
    line = messages.encode_request(APP, message_id, method, params)
    assert decode(line) == Request(message_id, method, params)


@given(method=st.text(max_size=8), params=PARAMS)
def test_a_notification_comes_back_as_it_was(method: str, params: dict[str, Any]) -> None:
    assert decode(messages.encode_notification(APP, method, params)) == Notification(method, params)


@given(message_id=IDS, result=JSON)
def test_a_result_comes_back_as_it_was(message_id: int | str, result: Any) -> None:
    assert decode(messages.encode_result(APP, message_id, result)) == Response(message_id, result)


@given(message_id=st.none() | IDS, code=st.integers(), message=st.text(max_size=20))
def test_an_error_comes_back_as_it_was(
    message_id: int | str | None, code: int, message: str
) -> None:
    line = messages.encode_error(APP, message_id, code, message)
    assert decode(line) == ErrorResponse(message_id, code, message)


@given(value=JSON)
def test_an_encoded_message_is_one_line_whatever_it_holds(value: Any) -> None:
    line = messages.encode_result(APP, 1, value)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_not_sent(number: str) -> None:
    message = decode(f'{{"id":1,"method":"m","params":{{"n":[{number}]}}}}'.encode())
    assert isinstance(message, Request)
    with pytest.raises(UsageError, match="infinite or NaN"):
        messages.encode_request(APP, 1, "m", message.params)
    with pytest.raises(UsageError, match="infinite or NaN"):
        messages.encode_result(APP, 1, {"\ud800": message.params})


def test_only_the_mcp_dialect_names_the_protocol() -> None:
    assert json.loads(messages.encode_notification(Dialect.MCP, "m", None)) == {
        "jsonrpc": "2.0",
        "method": "m",
    }
    assert json.loads(messages.encode_notification(APP, "m", None)) == {"method": "m"}


def test_both_dialects_are_read_alike() -> None:
    assert decode(b'{"jsonrpc":"2.0","id":1,"result":2}') == decode(b'{"id":1,"result":2}')


def test_text_with_a_lone_surrogate_is_sent_in_escaped_form() -> None:
    line = messages.encode_notification(Dialect.MCP, "m", {"text": "é\ud800"})
    assert line == b'{"jsonrpc":"2.0","method":"m","params":{"text":"\\u00e9\\ud800"}}\n'
    assert decode(line) == Notification("m", {"text": "é\ud800"})


@pytest.mark.parametrize("params", [{"text": "é\ud800"}, {"\udc00": 1}])
def test_text_with_a_lone_surrogate_is_not_sent_to_app_server(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="lone surrogate"):
        messages.encode_request(APP, 1, "m", params)


def test_ordinary_text_is_sent_as_utf_8() -> None:
    assert "é".encode() in messages.encode_notification(APP, "m", {"text": "é"})


@given(line=st.binary(max_size=40))
def test_any_bytes_are_decoded_without_raising(line: bytes) -> None:
    assert decode(line) is not None


@given(
    value=st.dictionaries(
        st.sampled_from(["id", "method", "params", "result", "error", "jsonrpc"]), JSON, max_size=5
    )
)
def test_any_object_is_decoded_without_raising(value: dict[str, Any]) -> None:
    assert decode(json.dumps(value).encode()) is not None


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 9_000 + b"]" * 9_000])
def test_deep_nesting_is_junk_and_no_crash(line: bytes) -> None:
    assert isinstance(decode(line), InvalidMessage)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"WARN starting up",
        b"null",
        b"[1]",
        b"{}",
        b'{"id":1}',
        b'{"id":true,"result":1}',
        b'{"id":1.5,"result":1}',
        b'{"id":[1],"method":"m"}',
        b'{"method":5}',
        b'{"id":1,"error":"text"}',
        b"\xff\xfe\xff",
        b"1" * 5_000,
    ],
)
def test_what_is_no_message_is_junk_with_a_reason(line: bytes) -> None:
    junk = decode(line)
    assert isinstance(junk, InvalidMessage)
    assert junk.reason
    assert line.startswith(junk.line)


def test_junk_keeps_only_the_beginning_of_a_long_line() -> None:
    junk = decode(b"x" * 10_000)
    assert isinstance(junk, InvalidMessage)
    assert len(junk.line) == 200


@pytest.mark.parametrize("flag", [b"true", b"false"])
def test_a_bool_is_no_id(flag: bytes) -> None:
    assert isinstance(decode(b'{"id":' + flag + b',"method":"m"}'), InvalidMessage)
    assert not messages.is_request_id(json.loads(flag))


def test_an_id_keeps_its_json_type() -> None:
    assert decode(b'{"id":"1","method":"m"}') == Request("1", "m", {})
    assert decode(b'{"id":1,"method":"m"}') == Request(1, "m", {})


@pytest.mark.parametrize("params", [b"null", b"[1]", b'"x"'])
def test_params_that_are_no_object_count_as_empty(params: bytes) -> None:
    assert decode(b'{"method":"m","params":' + params + b"}") == Notification("m", {})


def test_an_error_without_a_usable_id_code_or_message_is_still_an_error() -> None:
    line = b'{"id":null,"error":{"code":"x"}}'
    assert decode(line) == ErrorResponse(None, messages.INTERNAL_ERROR, "")


def test_an_empty_error_still_ends_the_wait_for_its_request() -> None:
    assert decode(b'{"id":1,"error":{}}') == ErrorResponse(1, messages.INTERNAL_ERROR, "")


def test_a_null_result_is_a_result() -> None:
    assert decode(b'{"id":1,"result":null}') == Response(1, None)


def test_both_dialects_survive_every_python() -> None:
    # Source: with 3.11.2 a member whose value is an empty tuple gets a bare object instead.
    assert all(each.value for each in Dialect)


@pytest.mark.parametrize("message_id", [0, 7, -1, "abc", "a.b:c/d-1 2"])
@pytest.mark.parametrize(
    "order",
    [
        ("jsonrpc", "id", "method", "params"),
        ("id", "jsonrpc", "method", "params"),
        ("id", "method", "params"),
        ("jsonrpc", "method", "params", "id"),
        ("method", "params", "jsonrpc", "id"),
    ],
)
def test_the_head_of_a_request_is_read_without_the_rest(
    message_id: object, order: tuple[str, ...]
) -> None:
    fields = {"jsonrpc": "2.0", "id": message_id, "method": "a/b", "params": {"id": 3, "x": [1]}}
    for separators in ((",", ":"), (", ", ": ")):
        line = json.dumps({name: fields[name] for name in order}, separators=separators)
        assert head_of(line.encode()) == (message_id, "a/b")


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (b'{"method":"note","params":{"id":5}}', (None, "note")),
        (
            b'{"jsonrpc":"2.0","method":"note","params":{"a":{"id":5}},"jsonrpc":"2.0"}',
            (None, "note"),
        ),
        (b'{"id":5,"result":{"method":"a"}}', None),
        (b'{"jsonrpc":"2.0","id":5,"result":{"method":"a"}}', None),
        (b'{"error":{"code":1},"id":5}', None),
        (b'{"id":01,"method":"a"}', None),
        (b'[{"id":1,"method":"a"}]', None),
        (b"\xff{", None),
        (b"", None),
    ],
)
def test_other_messages_have_no_id_in_their_head(line: bytes, head: object) -> None:
    assert head_of(line) == head
