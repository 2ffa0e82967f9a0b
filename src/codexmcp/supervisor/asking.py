"""Asks the supervisor one thing, from a program without an event loop."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from codexmcp.errors import DeadlineError, RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.framing import LineBuffer
from codexmcp.jsonvalues import dig, list_of, object_of, text_of

TIMEOUT_S = 60.0
_CHUNK_BYTES = 256 * 1024
_ID = "ask"


def ask(
    connection: socket.socket,
    method: str,
    params: Mapping[str, Any],
    *,
    timeout_s: float | None = TIMEOUT_S,
) -> dict[str, Any]:
    """Return the answer to a request.

    Args:
        connection: To a supervisor that has taken us in.
        method: The method.
        params: Its parameters.
        timeout_s: Bound on the wait for the next bytes, in seconds; None means none.

    Raises:
        RequestError: It refused.
        DeadlineError: It does not answer.
        ConnectionError: It ended.
    """
    connection.settimeout(timeout_s)
    lines = LineBuffer()
    try:
        connection.sendall(messages.encode_request(messages.Dialect.MCP, _ID, method, params))
        while data := connection.recv(_CHUNK_BYTES):
            for line in lines.feed(data):
                match messages.decode(line):
                    case messages.Response(id=answered, result=result) if answered == _ID:
                        return object_of(result)
                    case messages.ErrorResponse(id=answered) as error if answered == _ID:
                        raise RequestError(method, error.code, error.message)
                    case _:
                        pass
    except TimeoutError:
        raise DeadlineError(f"the supervisor does not answer {method}") from None
    raise ConnectionResetError("the supervisor ended")


def call_tool(
    connection: socket.socket,
    name: str,
    arguments: Mapping[str, Any],
    *,
    timeout_s: float | None = TIMEOUT_S,
) -> dict[str, Any]:
    """Call a run tool and return its answer; see `ask`.

    Raises:
        RequestError: The tool failed; the message says why.
    """
    params = {"name": name, "arguments": dict(arguments)}
    result = ask(connection, "tools/call", params, timeout_s=timeout_s)
    if result.get("isError"):
        content = [text_of(object_of(part).get("text")) for part in list_of(result.get("content"))]
        raise RequestError(name, messages.INTERNAL_ERROR, content[0] or "" if content else "")
    return object_of(dig(result, "structuredContent"))
