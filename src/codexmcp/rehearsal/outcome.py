"""Outcomes of a request at the model server: an answer, or a named fault.

Owns the fault values and `Outcome`, the union returned by a responder. All are plain immutable
values; `delivery` carries them out. Pure: imports only `responses`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from codexmcp.data_classes import dataclass, field
from codexmcp.rehearsal.responses import JSONObject, Message, Reply

_CUT_SHORT = Reply((Message("This answer does not arrive whole."),))


@dataclass(frozen=True, slots=True)
class HTTPError:
    """Answer with an HTTP error in OpenAI's form `{"error": {"message", "type", "code"}}`.

    Args:
        status: The HTTP status, 400 to 599.
        message: The error's message.
        type: The error's type, such as `invalid_request_error` or `usage_limit_reached`.
        code: The error's code; None sends null.
        body: Replaces the whole body: a mapping is sent as JSON, bytes unchanged.
        headers: Additional headers, such as `{"retry-after": "1"}`.
    """

    status: int
    message: str = "The scripted model refuses this request."
    type: str = "invalid_request_error"
    code: str | None = None
    body: JSONObject | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Failed:
    """Start a response and end it with a `response.failed` event.

    Args:
        code: The API's code, such as `rate_limit_exceeded` or `context_length_exceeded`.
        message: The API's message.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then continue with another outcome. A disconnection ends the wait early.

    Args:
        seconds: The time to wait.
        then: The following outcome.
    """

    seconds: float
    then: Outcome


@dataclass(frozen=True, slots=True)
class Paced:
    """Stream an answer evenly over a time, like a real model.

    Args:
        seconds: The total time of the events; without `stream` the answer is sent at the end.
        of: The answer.
    """

    seconds: float
    of: Reply


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection in the middle of an answer.

    Args:
        after_events: The number of events sent first; 0 closes right after the response's head.
            With `stream: false` the JSON body is cut in half.
        of: The answer to cut.
    """

    after_events: int = 3
    of: Reply = _CUT_SHORT


@dataclass(frozen=True, slots=True)
class Stall:
    """Fall silent with an open connection.

    Args:
        seconds: The time until the connection is closed; None stalls until the client disconnects
            or the server closes.
        after_events: The number of events sent first; 0 sends nothing at all, not even a head. With
            `stream: false` any other number sends half of the JSON body.
        of: The answer to stall.
    """

    seconds: float | None = None
    after_events: int = 0
    of: Reply = _CUT_SHORT


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset the TCP connection without an answer."""


@dataclass(frozen=True, slots=True)
class Nonsense:
    """Answer with meaningless bytes.

    Args:
        data: The bytes.
        as_events: False sends the bytes in place of an HTTP response; True sends them as the body
            of a well-formed `text/event-stream` response.
    """

    data: bytes = b"\x00\xffthis is not HTTP\r\n\r\n"
    as_events: bool = False


Outcome: TypeAlias = Reply | HTTPError | Failed | Delay | Paced | Cut | Stall | Reset | Nonsense
