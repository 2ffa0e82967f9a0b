"""Lines that no polite client sends, and requests that the removed server does not answer.

Each is followed by a ping, and what comes before the ping's answer is what it has led to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}'


@dataclass(frozen=True, slots=True)
class Line:
    """A line; its name is unique among lines and questions."""

    name: str
    text: str


_REQUEST_IDS: Mapping[str, str] = {
    "a": '"a"',
    "empty": '""',
    "0": "0",
    "negative": "-1",
    "2**53": str(2**53),
    "digit": '"0"',
    "null": "null",
    "fraction": "1.5",
    "list": "[1]",
    "beyond 64 bits": "99999999999999999999",
}

_TEXTS: Mapping[str, str] = {
    "no JSON": "hello",
    "half an object": '{"jsonrpc":"2.0",',
    "empty": "",
    "blanks": "   ",
    "a number": "5",
    "a string": '"ping"',
    "null": "null",
    "an empty list": "[]",
    "a batch": f"[{PING}]",
    "an empty object": "{}",
    "no jsonrpc": '{"id":1,"method":"ping"}',
    "jsonrpc 1.0": '{"jsonrpc":"1.0","id":1,"method":"ping"}',
    "no method": '{"jsonrpc":"2.0","id":1}',
    "method number": '{"jsonrpc":"2.0","id":1,"method":5}',
    "an extra field": '{"jsonrpc":"2.0","id":1,"method":"ping","foo":1}',
    "a carriage return": f"{PING}\r",
    "blanks around": f"  {PING}  ",
    "two objects": PING + PING,
    "a byte order mark": f"\ufeff{PING}",
    "a duplicate key": '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
    "NaN": '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}',
    "a lone surrogate": '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\\ud800"}}',
    "deep nesting": f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{"[" * 200}{"]" * 200}}}',
    "a response nobody asked for": '{"jsonrpc":"2.0","id":7,"result":{}}',
    "an error nobody asked for": '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"a"}}',
    "an error without id": '{"jsonrpc":"2.0","error":{"code":1,"message":"a"}}',
    "params null": '{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
    "params number": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":5}',
    "params list": '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}',
    "params bool": '{"jsonrpc":"2.0","id":1,"method":"ping","params":true}',
}

_NOTIFICATIONS: Mapping[str, Any] = {
    "notifications/foo": {},
    "notifications/bar": [],
    "notifications/initialized": {},
    "notifications/roots/list_changed": {},
    "notifications/progress": {},
    # What is cancelled here was never asked.
    "notifications/cancelled": {"requestId": 99},
    "tools/call": {"name": "codexx", "arguments": {}},
}

# Parameters that fit all of them.
_PARAMS = {
    "uri": "a:b",
    "name": "a",
    "level": "info",
    "ref": {"type": "ref/prompt", "name": "a"},
    "argument": {"name": "a", "value": ""},
}
_METHODS = (
    "resources/list",
    "resources/templates/list",
    "prompts/list",
    "resources/read",
    "prompts/get",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
)


def _lines() -> Iterator[Line]:
    for name, spelled in _REQUEST_IDS.items():
        text = f'{{"jsonrpc":"2.0","id":{spelled},"method":"ping"}}'
        yield Line(f"request id {name}", text)
    for name, text in _TEXTS.items():
        yield Line(f"line {name}", text)
    for method, params in _NOTIFICATIONS.items():
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        yield Line(f"notification {method}", json.dumps(message))
    without_id = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}
    yield Line("cancellation without an id", json.dumps(without_id))
    for method in _METHODS:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": _PARAMS}
        yield Line(f"method {method}", json.dumps(message))


LINES: tuple[Line, ...] = tuple(_lines())
