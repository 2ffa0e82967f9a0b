"""The record of messages in a relay, so that the client outlives a supervisor.

Pure. Knows the structure of JSON-RPC and the start of MCP. Imports nothing heavy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import ConfigurationError, RequestError, StructureError
from codexmcp.jsonrpc import messages, structure
from codexmcp.jsonvalues import object_of, without_nulls
from codexmcp.server.envelope import LISTEN, TASK_METHODS, has_envelope
from codexmcp.supervisor import methods

if TYPE_CHECKING:
    # Imported on demand: a client with a running supervisor does not wait for the import.
    from codexmcp.server.reception import Reception

_NOTIFICATION = b'{"jsonrpc":"2.0","method":'
"""Beginning of a notification from a supervisor: a message may come in 20,000 notifications."""

_WITHDRAWAL = _NOTIFICATION + b'"notifications/cancelled"'

_NUMBERED = re.compile(rb'(\{"jsonrpc":"2\.0","id":(?:\d+|"(?:[^"\\]|\\.)*")),"(method")?')
"""Beginning of a request or an answer from a supervisor. Decoding an answer of 48 MB takes half a
second."""

_RELAY_ID = "codexmcp-relay"

_MCP = messages.Dialect.MCP

_PASSED_ON = methods.ALL | TASK_METHODS | {LISTEN, "tools/call"}
"""Methods with answers from a supervisor alone."""

ENDED = (
    "the supervisor ended during this call, so it may or may not have been done. The next call "
    "starts a new supervisor; runs are on record: codex_runs lists them, and they can be waited "
    "for or resumed"
)

_ENDED_FOR_PEOPLE = "the supervisor ended during this request; see how things stand and try again"
"""For the supervisor's methods beside MCP, called by programs for people, without tools."""


_TERMS = ("protocolVersion", "capabilities")
"""Fields of the first answer to `initialize`, binding for each further supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An open request of the client.

    Attributes:
        id: The id.
        method: The method.
        enveloped: The request has the envelope of MCP 2026-07-28.
        again: The line, for one repetition at the next supervisor; empty for a request that must
            not be repeated.
    """

    id: object
    method: str
    enveloped: bool
    again: bytes = b""


class Exchange:
    """The open requests between a client and a supervisor.

    Args:
        reception: Makes the reception, the source of answers without a supervisor.
    """

    def __init__(self, reception: Callable[[], Reception]) -> None:
        self._make_reception = reception
        self._reception: Reception | None = None
        self._asked: dict[str, _Asked] = {}
        self._asking: set[str] = set()
        self._initialize: dict[str, Any] = {}
        self._introduction: dict[str, bytes] = {}
        self._terms: dict[str, Any] | None = None

    def from_client(self, line: bytes) -> tuple[object, str] | None:
        """Record a client's line; return id and method of a request, None for other lines."""
        message = _decoded_request(line)
        method, message_id = message.get("method"), message.get("id")
        if not isinstance(method, str):
            self._asking.discard(_key(message_id))
            return None
        if method == "initialize":
            self._initialize = message if self._terms is None else self._initialize
        elif method == "notifications/initialized":
            self._introduction[method] = line + b"\n"
        if message_id is None:
            if method == "notifications/cancelled":
                # A cancelled request needs no answer.
                self._asked.pop(_key(object_of(message.get("params")).get("requestId")), None)
            return None
        enveloped = has_envelope(method, object_of(message.get("params")))
        # A client takes an error of `tasks/get` for the end of its task, and a task does not end
        # with a supervisor.
        again = line if method in TASK_METHODS else b""
        asked = _Asked(id=message_id, method=method, enveloped=enveloped, again=again)
        self._asked[_key(message_id)] = asked
        return message_id, method

    def from_server(self, line: bytes) -> None:
        """Record a line for the client."""
        if line.startswith(_NOTIFICATION):
            if line.startswith(_WITHDRAWAL):
                params = object_of(_decoded(line).get("params"))
                self._asking.discard(_key(params.get("requestId")))
            return
        message_id, is_question = _numbered(line)
        if is_question:
            self._asking.add(_key(message_id))
        elif message_id is not None:
            asked = self._asked.pop(_key(message_id), None)
            method = None if asked is None else asked.method
            if method == "initialize" and self._terms is None:
                self._agree(line)

    def answer(self, line: bytes, method: str) -> bytes | None:
        """Return the answer to a client's request; None if only a supervisor can answer.

        Args:
            line: The request.
            method: The method from `from_client`.
        """
        if method in _PASSED_ON or not _is_bounded(line):
            return None
        request = messages.decode(line)
        if not isinstance(request, messages.Request):
            return None
        try:
            result = self._received().answer(request.method, request.params)
            answer = messages.encode_result(_MCP, request.id, result)
        except RequestError as error:
            answer = messages.encode_error(_MCP, request.id, error.code, error.message, error.data)
        self.from_server(answer.rstrip())
        return answer

    def _received(self) -> Reception:
        if self._reception is None:
            self._reception = self._make_reception()
            if self._terms is not None:
                # A supervisor has answered `initialize`; the client gets no second answer.
                self._reception.answer("initialize", object_of(self._initialize.get("params")))
        return self._reception

    def _agree(self, line: bytes) -> None:
        """Record the answer to `initialize`, unless an error."""
        if "result" in (answer := _decoded(line)):
            self._terms = _terms(answer)
            again = json.dumps({**self._initialize, "id": _RELAY_ID}, separators=(",", ":"))
            introduced = {"initialize": again.encode() + b"\n"}
            self._introduction = {**introduced, **self._introduction}

    @property
    def is_asked(self) -> bool:
        """True while a request of the supervisor waits for the client's answer.

        Another supervisor would mistake the answer for an answer to its own request.
        """
        return bool(self._asking)

    @property
    def introduction(self) -> bytes:
        """The lines to introduce a client to a further supervisor; empty without a first answer."""
        if self._terms is None:
            return b""
        return b"".join(self._introduction.values())

    def check_introduction(self, answer: bytes) -> None:
        """Compare a supervisor's answer to the introduction with the first answer to the client.

        Raises:
            ConfigurationError: The answers differ, possibly after a change of version.
        """
        if _terms(_decoded(answer)) != self._terms:
            raise ConfigurationError(
                "the supervisor speaks MCP otherwise than this client was told at its start, as "
                "one of another version may: end it with `codexmcp serve --stop`, and the next "
                "call starts a new one"
            )

    def lost(self) -> tuple[bytes, list[bytes]]:
        """Return answers to open requests after the end of a supervisor, and requests to repeat.

        A request is repeated at the next supervisor only once, and stays open.
        """
        again = {key: each for key, each in self._asked.items() if each.again}
        self._asked = {key: each for key, each in self._asked.items() if not each.again}
        answers = self.abandoned()
        self._asked = {key: replace(each, again=b"") for key, each in again.items()}
        return answers, [each.again for each in again.values()]

    def abandoned(self, reason: str = ENDED) -> bytes:
        """Return answers to all open requests, without a supervisor."""
        left, self._asked = self._asked, {}
        return b"".join(_refusal(each, reason) for each in left.values())


def _refusal(asked: _Asked, reason: str) -> bytes:
    """Return the refusal of a request; for a tool call, a result visible to the model."""
    if asked.method in methods.ALL and reason == ENDED:
        reason = _ENDED_FOR_PEOPLE
    answer: dict[str, Any] = {"error": {"code": -32603, "message": reason}}
    if asked.method == "tools/call":
        kind = {"resultType": "complete"} if asked.enveloped else {}
        content = [{"type": "text", "text": reason}]
        answer = {"result": {**kind, "content": content, "isError": True}}
    return _line({"jsonrpc": "2.0", "id": asked.id, **answer})


def _terms(answer: dict[str, Any]) -> dict[str, Any]:
    result = object_of(answer.get("result"))
    return {name: result.get(name) for name in _TERMS}


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _numbered(line: bytes) -> tuple[object, bool]:
    """Return the id of a line, or None, and True for a request."""
    if found := _NUMBERED.match(line):
        return _decoded(found[1] + b"}").get("id"), found[2] is not None
    message = _decoded(line)
    return message.get("id"), "method" in message and message.get("id") is not None


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return object_of(json.loads(line))
    except (ValueError, RecursionError):
        return {}


def _decoded_request(line: bytes) -> dict[str, Any]:
    """Return a client's message, or the head of a message over the supervisor's limits."""
    if not _is_bounded(line):
        message_id, method = messages.head_of(line) or (None, None)
        return without_nulls({"id": message_id, "method": method})
    return _decoded(line)


def _is_bounded(line: bytes) -> bool:
    try:
        structure.check(line, structure.REQUEST)
    except StructureError:
        return False
    return True


def _key(message_id: object) -> str:
    # 1 and "1" are different ids.
    return json.dumps(message_id)
