"""JSON-RPC messages as values, and their encoding.

Pure, and independent of Codex and MCP. The only difference between the two is the `jsonrpc` member:
omitted by `codex app-server`, required by MCP (`Dialect`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeGuard

from codexmcp.data_classes import dataclass
from codexmcp.errors import UsageError
from codexmcp.jsonvalues import integer_of, is_object, object_of

JsonObject = dict[str, Any]
"""A decoded JSON object."""

RequestId = int | str
"""A JSON-RPC id; the JSON type is preserved."""

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603


class Dialect(Enum):
    """Presence of `"jsonrpc": "2.0"` in messages."""

    # The values are plain texts: Python 3.11.2 (Debian 12) replaces an empty tuple by an object.
    MCP = "with"
    APP_SERVER = "without"


@dataclass(frozen=True, slots=True)
class Request:
    """A request of the peer."""

    id: RequestId
    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification of the peer."""

    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class Response:
    """The peer's result for an own request."""

    id: RequestId
    result: Any


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The peer's error for an own request; `id` is None if the peer could not read the id."""

    id: RequestId | None
    code: int
    message: str
    data: object = None


@dataclass(frozen=True, slots=True)
class InvalidMessage:
    """A line with no JSON-RPC message.

    Attributes:
        line: The first bytes, for the log.
        reason: The fault.
    """

    line: bytes
    reason: str


Message = Request | Notification | Response | ErrorResponse | InvalidMessage

_SAMPLE_BYTES = 200

_ID = rb'"id"\s*:\s*(-?(?:0|[1-9]\d{0,19})|"[\w.:/@+ -]{0,200}")\s*'
_VERSION = rb'(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?'
# Compiled at the first use, which most servers never come to.
_HEAD = (
    rb"\s*\{\s*"
    + _VERSION
    + rb"(?:"
    + _ID
    + rb",\s*)?"
    + _VERSION
    + rb'"method"\s*:\s*"([^"\\]{1,200})"'
)
_END = _ID + rb"\}\s*\Z"
_END_BYTES = 400


def decode(line: bytes) -> Message:
    """Return the message in a line. Never raises: a line without a message is `InvalidMessage`."""
    try:
        # Strictly UTF-8, as in MCP: `structure` counts separators in this encoding only.
        value = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        return InvalidMessage(line[:_SAMPLE_BYTES], f"not JSON ({error})")
    if not is_object(value):
        return InvalidMessage(line[:_SAMPLE_BYTES], "not a JSON object")
    message = _classify(value)
    return message or InvalidMessage(line[:_SAMPLE_BYTES], "not a JSON-RPC message")


def head_of(line: bytes) -> tuple[RequestId | None, str] | None:
    """Return the id and the method of a request, without decoding the rest.

    Returns None for any other message, and for a request with unusual order or escapes. Source:
    MCP's SDKs write the id either before the method or as the last member.
    """
    head = re.match(_HEAD, line)
    if head is None:
        return None
    found = head[1] or ((end := re.search(_END, line[-_END_BYTES:])) and end[1])
    return json.loads(found) if found else None, head[2].decode(errors="replace")


def _classify(value: JsonObject) -> Message | None:
    method = value.get("method")
    message_id = value.get("id")
    if isinstance(method, str):
        fields = object_of(value.get("params"))
        if is_request_id(message_id):
            return Request(message_id, method, fields)
        return Notification(method, fields) if message_id is None else None
    error = value.get("error")
    if is_object(error):
        code = integer_of(error.get("code"))
        return ErrorResponse(
            message_id if is_request_id(message_id) else None,
            INTERNAL_ERROR if code is None else code,
            str(error.get("message", "")),
            error.get("data"),
        )
    if is_request_id(message_id) and "result" in value:
        return Response(message_id, value["result"])
    return None


def is_request_id(value: object) -> TypeGuard[RequestId]:
    """Return whether a decoded JSON value is a valid id; a bool is not."""
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def encode_request(
    dialect: Dialect, message_id: RequestId, method: str, params: Mapping[str, Any] | None
) -> bytes:
    """Return the line that asks the peer for something."""
    return _encode(dialect, {"id": message_id, "method": method, **_params(params)})


def encode_notification(dialect: Dialect, method: str, params: Mapping[str, Any] | None) -> bytes:
    """Return the line that tells the peer something."""
    return _encode(dialect, {"method": method, **_params(params)})


def encode_result(dialect: Dialect, message_id: RequestId, result: object) -> bytes:
    """Return the line that answers a request."""
    return _encode(dialect, {"id": message_id, "result": result})


def encode_error(
    dialect: Dialect, message_id: RequestId | None, code: int, message: str, data: object = None
) -> bytes:
    """Return the line that refuses a request; `data` is left out when it is None."""
    error: JsonObject = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return _encode(dialect, {"id": message_id, "error": error})


def _params(params: Mapping[str, Any] | None) -> JsonObject:
    return {} if params is None else {"params": params}


def _encode(dialect: Dialect, message: JsonObject) -> bytes:
    # A lone surrogate cannot be UTF-8, so such text stays in JSON's own \\u form. App-server never
    # answers a request with one (0.163.0).
    full = {"jsonrpc": "2.0", **message} if dialect is Dialect.MCP else message
    try:
        return _dump(full, ascii_only=False)
    except UnicodeEncodeError as error:
        if dialect is Dialect.APP_SERVER:
            raise UsageError(
                "a text contains a lone surrogate (half a character), which Codex cannot read: "
                "remove it"
            ) from error
        return _dump(full, ascii_only=True)
    except ValueError as error:
        # Python decodes NaN, Infinity and 1e999. App-server never answers a request with one.
        raise UsageError(
            "a number is infinite or NaN, which JSON cannot express: remove it"
        ) from error


def _dump(message: JsonObject, *, ascii_only: bool) -> bytes:
    text = json.dumps(message, ensure_ascii=ascii_only, separators=(",", ":"), allow_nan=False)
    return text.encode() + b"\n"
