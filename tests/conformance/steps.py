"""What a client does in a scenario, as values, and the words to write them with.

Strings in a message may name what only a running scenario knows: `<project>`, `<home>`, and
`<thread 2>`, the thread of the call with id 2.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

RequestId: TypeAlias = int | str

PROMPT = "Say hello."
"""What `codex` is asked unless a scenario says otherwise."""

MAYBE_S = 5.0
"""How long to wait for what one of the servers never does, and the other may be slow to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """Send a line as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message."""

    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """Wait for the answer to a request.

    Attributes:
        id: The request's id.
        optional_s: How long to wait for an answer that may never come; None means it must come.
    """

    id: RequestId
    optional_s: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Wait for a `codex/event`.

    Attributes:
        type: Its type.
        id: The request that it belongs to.
        optional_s: As in `Response`.
    """

    type: str
    id: RequestId = 1
    optional_s: float | None = None


@dataclass(frozen=True, slots=True)
class Requests:
    """Wait until the model has been asked `count` times in all."""

    count: int


@dataclass(frozen=True, slots=True)
class Release:
    """Let the model go on that the script holds back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Wait for the server's question number `number`, and answer it.

    Attributes:
        fields: `{"result": …}` or `{"error": …}`.
        number: Counted from 0.
        unless: A request whose answer tells that no question comes; None means one must come.
    """

    fields: Mapping[str, Any]
    number: int = 0
    unless: RequestId | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """Kill the server and start it anew, with the same folders."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, where what matters is that nothing comes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gone:
    """Wait until a process has ended whose id a command wrote to a file of the project.

    Attributes:
        file: The file.
        optional_s: As in `Response`.
    """

    file: str
    optional_s: float | None = None


@dataclass(frozen=True, slots=True)
class File:
    """Wait for a file of the project that is not empty."""

    name: str


@dataclass(frozen=True, slots=True)
class CloseStdin:
    """End the server's stdin."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Send the server a signal."""

    number: signal.Signals


@dataclass(frozen=True, slots=True)
class Exit:
    """Wait for the server's end; `optional_s` as in `Response`."""

    optional_s: float | None = None


Waiting: TypeAlias = Response | Event | Gone | Exit
Step: TypeAlias = (
    Line
    | Send
    | Requests
    | Release
    | Answer
    | Restart
    | Pause
    | File
    | CloseStdin
    | Signal
    | Waiting
)


def request(request_id: RequestId, method: str, params: object = None) -> Send:
    """Send a request, and do not wait."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return Send(message if params is None else {**message, "params": params})


def notify(method: str, params: object = None) -> Send:
    """Send a notification."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    return Send(message if params is None else {**message, "params": params})


def initialize(request_id: RequestId = 0, version: str = "2025-06-18", **more: object) -> Send:
    """Send `initialize`, and do not wait."""
    client = {"name": "probe", "version": "1"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client, **more}
    return request(request_id, "initialize", params)


def call(name: str, arguments: object, request_id: RequestId = 1) -> Send:
    """Send a `tools/call`, and do not wait."""
    return request(request_id, "tools/call", {"name": name, "arguments": arguments})


def codex(request_id: RequestId = 1, **arguments: object) -> Send:
    """Call `codex`; underscores in names become hyphens, and a prompt is added."""
    spelled = {name.replace("_", "-"): value for name, value in arguments.items()}
    return call("codex", {"prompt": PROMPT, **spelled}, request_id)


def reply(request_id: RequestId, to: RequestId = 1, prompt: str = "Go on.") -> Send:
    """Call `codex-reply` on the thread of another call."""
    return call("codex-reply", {"threadId": f"<thread {to}>", "prompt": prompt}, request_id)


def cancel(request_id: RequestId) -> Send:
    """Cancel a request."""
    return notify("notifications/cancelled", {"requestId": request_id})
