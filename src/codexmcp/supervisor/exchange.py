"""What a relay has to know of the messages that pass, so that its client outlives a supervisor.

Pure. Knows the shape of JSON-RPC and one method of MCP. Imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from typing import Any

from codexmcp.jsonvalues import object_of

_NOTIFICATION = b'{"jsonrpc":"2.0","method":'
"""How a supervisor begins a line that asks for nothing: a message may come in 20,000 of them."""

_WITHDRAWAL = _NOTIFICATION + b'"notifications/cancelled"'

_NUMBERED = re.compile(rb'(\{"jsonrpc":"2\.0","id":(?:\d+|"(?:[^"\\]|\\.)*")),"(method")?')
"""How it begins a question or an answer: an answer of 48 MB takes half a second to be read."""

_RELAY_ID = "codexmcp-relay"

ENDED = (
    "the supervisor ended during this call, so it may or may not have been done. The next call "
    "starts a new supervisor; runs are on record: codex_runs lists them, and they can be waited "
    "for or resumed"
)


class Exchange:
    """The questions between a client and a supervisor that wait for an answer."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[object, str]] = {}
        self._asking: set[str] = set()
        self._introduction: dict[str, bytes] = {}

    def from_client(self, line: bytes) -> tuple[object, str] | None:
        """Take note of a client's line; return the id and the method if it is a request."""
        message = _decoded(line)
        method, message_id = message.get("method"), message.get("id")
        if not isinstance(method, str):
            self._asking.discard(_key(message_id))
            return None
        if method == "initialize":
            again = json.dumps({**message, "id": _RELAY_ID}, separators=(",", ":"))
            self._introduction = {method: again.encode() + b"\n"}
        elif method == "notifications/initialized":
            self._introduction[method] = line + b"\n"
        if message_id is None:
            if method == "notifications/cancelled":
                # It need not be answered any more.
                self._asked.pop(_key(object_of(message.get("params")).get("requestId")), None)
            return None
        self._asked[_key(message_id)] = (message_id, method)
        return message_id, method

    def from_server(self, line: bytes) -> bool:
        """Take note of a supervisor's line; return whether it is meant for the client."""
        if line.startswith(_NOTIFICATION):
            if line.startswith(_WITHDRAWAL):
                params = object_of(_decoded(line).get("params"))
                self._asking.discard(_key(params.get("requestId")))
            return True
        message_id, is_question = _numbered(line)
        if is_question:
            self._asking.add(_key(message_id))
        elif message_id is not None:
            self._asked.pop(_key(message_id), None)
        return message_id != _RELAY_ID

    @property
    def is_asked(self) -> bool:
        """Whether the client was asked something that it still has to answer.

        Another supervisor would take that answer for one to a question of its own.
        """
        return bool(self._asking)

    @property
    def introduction(self) -> bytes:
        """The lines by which another supervisor gets to know the client."""
        return b"".join(self._introduction.values())

    def abandoned(self) -> bytes:
        """Return the answers to all that a supervisor which ended has left open."""
        left, self._asked = self._asked, {}
        return b"".join(refusal(message_id, method, ENDED) for message_id, method in left.values())


def refusal(message_id: object, method: str, reason: str) -> bytes:
    """Return the line that refuses a request: of a tool, so that the model is told."""
    answer: dict[str, Any] = {"error": {"code": -32603, "message": reason}}
    if method == "tools/call":
        answer = {"result": {"content": [{"type": "text", "text": reason}], "isError": True}}
    return _line({"jsonrpc": "2.0", "id": message_id, **answer})


def pong(message_id: object) -> bytes:
    """Return the line that answers a ping."""
    return _line({"jsonrpc": "2.0", "id": message_id, "result": {}})


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _numbered(line: bytes) -> tuple[object, bool]:
    """Return the id of a line, None for none, and whether it asks for something."""
    if found := _NUMBERED.match(line):
        return _decoded(found[1] + b"}").get("id"), found[2] is not None
    message = _decoded(line)
    return message.get("id"), "method" in message and message.get("id") is not None


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return object_of(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def _key(message_id: object) -> str:
    # 1 and "1" are two ids.
    return json.dumps(message_id)
