"""A single request to the supervisor, from a program without an event loop."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator, Mapping
from typing import Any

from codexmcp.errors import (
    CodexMCPError,
    ConfigurationError,
    DeadlineError,
    RequestError,
    RunError,
    RunErrorKind,
    run_error_of,
)
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.framing import LineBuffer
from codexmcp.jsonvalues import object_of

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
        connection: A connection after the welcome of the supervisor.
        method: The method.
        params: Parameters of the method.
        timeout_s: Bound on the wait for the next bytes, in seconds. None: no bound.

    Raises:
        RunError: The supervisor refused, for a reason with a kind.
        ConfigurationError: The method is unknown to the supervisor, probably of another version.
        RequestError: The supervisor refused for another reason.
        DeadlineError: The supervisor does not answer in time.
        ConnectionError: The supervisor ended.
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
                        raise _refusal(method, error)
                    case _:
                        pass
    except TimeoutError:
        raise DeadlineError(f"the supervisor does not answer {method}") from None
    raise ConnectionResetError("the supervisor ended")


def _refusal(method: str, error: messages.ErrorResponse) -> CodexMCPError:
    if error.code == messages.METHOD_NOT_FOUND:
        return ConfigurationError(
            f"the supervisor does not know {method}; it may be of another version: end it with "
            "`codexmcp serve --stop` and try again"
        )
    data = object_of(error.data)
    refusal = run_error_of(error.message, data.get("kind"), object_of(data.get("fields")))
    return refusal or RequestError(method, error.code, error.message)


@contextlib.contextmanager
def worded_refusals(remedies: Mapping[RunErrorKind, str], ended: str) -> Generator[None]:
    """Raise the refusals of a supervisor in the words of one kind of client.

    Args:
        remedies: The remedies, by kind.
        ended: The message for the end of the supervisor during the request.

    Raises:
        RunError: The supervisor refused.
        ConfigurationError: The supervisor ended.
    """
    try:
        yield
    except RunError as error:
        raise error.advised(remedies) from None
    except RequestError as error:
        raise RunError(error.message) from error
    except ConnectionError as error:
        raise ConfigurationError(ended) from error
