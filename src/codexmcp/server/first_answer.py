"""Answers `initialize` or `server/discover` before the import of an event loop.

A client writes the request at once, and its start waits for nothing else.
"""

from __future__ import annotations

import os
import select
import sys

from codexmcp.data_classes import dataclass
from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonrpc.stdio import stdout_error
from codexmcp.server.envelope import DISCOVER
from codexmcp.server.reception import Reception

_READ_BYTES = 65536
_FIRST = frozenset({"initialize", DISCOVER})


@dataclass(frozen=True, slots=True)
class Received:
    """A client with the first bytes already read.

    Attributes:
        reception: The reception; has answered the first request if it was among the bytes.
        rest: Bytes read and not answered.
    """

    reception: Reception
    rest: bytes


def receive(reception: Reception) -> Received:
    """Answer a first request already written by the client, without waiting.

    Call after `expect_client`, and once per process.

    Args:
        reception: The reception of the server.

    Raises:
        WorkError: The answer cannot be written.
    """
    fd = sys.stdin.fileno()
    if os.isatty(fd) or not select.select([fd], [], [], 0)[0]:
        return Received(reception, b"")
    data = os.read(fd, _READ_BYTES)
    line, end, rest = data.partition(b"\n")
    request = messages.decode(line) if end else None
    if not isinstance(request, messages.Request) or request.method not in _FIRST:
        return Received(reception, data)
    try:
        result = reception.answer(request.method, request.params)
    except RequestError:
        return Received(reception, data)
    _write(messages.encode_result(messages.Dialect.MCP, request.id, result))
    return Received(reception, rest)


def _write(line: bytes) -> None:
    fd, left = sys.stdout.fileno(), memoryview(line)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            # Another process has made stdout non-blocking.
            select.select([], [fd], [])
        except BrokenPipeError:
            # The client has gone; the connection finds the end of stdin.
            return
        except OSError as error:
            raise stdout_error(error) from error
