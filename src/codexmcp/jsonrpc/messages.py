"""The messages of JSON-RPC as values, and their bytes on the wire.

Pure. Knows nothing of Codex or MCP: `codex app-server` leaves out the `jsonrpc` member and MCP
demands it, which is the only difference (`Dialect`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeGuard

from codexmcp.jsonvalues import integer_of, is_object, object_of

JsonObject = dict[str, Any]
"""A decoded JSON object."""

RequestId = int | str
"""An id as JSON-RPC allows it; its JSON type is kept."""

INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INTERNAL_ERROR = -32603


class Dialect(Enum):
    """Whether messages carry `"jsonrpc": "2.0"`."""

    # Not what is in it: Python 3.11.2, which is Debian 12's, replaces an empty tuple by an object.
    MCP = "with"
    APP_SERVER = "without"


@dataclass(frozen=True, slots=True)
class Request:
    """The peer asks for something and waits."""

    id: RequestId
    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class Notification:
    """The peer tells something and does not wait."""

    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True)
class Response:
    """The peer's answer to a request of ours."""

    id: RequestId
    result: Any


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The peer's refusal of a request of ours; `id` is None when it could not tell which."""

    id: RequestId | None
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Junk:
    """A line that is no JSON-RPC message.

    Attributes:
        line: Its first bytes, for a log.
        reason: What is wrong with it.
    """

    line: bytes
    reason: str


Message = Request | Notification | Response | ErrorResponse | Junk

_JUNK_SAMPLE_BYTES = 200


def decode(line: bytes) -> Message:
    """Return the message that a line holds. Never raises: what is no message is `Junk`."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Junk(line[:_JUNK_SAMPLE_BYTES], f"not JSON ({error})")
    if not is_object(value):
        return Junk(line[:_JUNK_SAMPLE_BYTES], "not a JSON object")
    message = _classify(value)
    return message or Junk(line[:_JUNK_SAMPLE_BYTES], "not a JSON-RPC message")


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
        )
    if is_request_id(message_id) and "result" in value:
        return Response(message_id, value["result"])
    return None


def is_request_id(value: object) -> TypeGuard[RequestId]:
    """Return whether a decoded JSON value may be an id (a bool is an int in Python, not here)."""
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
    # A lone surrogate cannot be UTF-8, so such text stays in JSON's own \\u form.
    full = {"jsonrpc": "2.0", **message} if dialect is Dialect.MCP else message
    try:
        return _dump(full, ascii_only=False)
    except UnicodeEncodeError:
        return _dump(full, ascii_only=True)


def _dump(message: JsonObject, *, ascii_only: bool) -> bytes:
    text = json.dumps(message, ensure_ascii=ascii_only, separators=(",", ":"))
    return text.encode() + b"\n"
