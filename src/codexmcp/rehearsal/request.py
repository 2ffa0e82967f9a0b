"""A request to a model server: raw, and decoded for its responder and its tests.

Owns `RawRequest`, `Request`, and the step between them. The body of an accepted request is a JSON
object. Pure: imports only `errors` and its neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError
from codexmcp.rehearsal.conversation import (
    Role,
    Surface,
    Turn,
    latest_turn,
    object_in,
    role_of,
    surface_of,
)
from codexmcp.rehearsal.responses import JSONObject

ROOT_AGENT = "/root"
"""The path of the agent started by a client."""


class RefusedError(CodexMCPError):
    """The request is not acceptable.

    Args:
        status: The HTTP status of the answer.
        message: The problem.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class WrongSurfaceError(CodexMCPError):
    """Codex offered its model other tools than expected by the model server.

    Args:
        expected: The expected tools.
        model: The model in the request.
    """

    def __init__(self, expected: Surface, model: str) -> None:
        other = Surface.PLAIN if expected is Surface.CODE_MODE else Surface.CODE_MODE
        super().__init__(
            f"the scripted model is made for {expected}, and Codex offered {other} to the model "
            f"{model!r}; name a model with {expected}, or give the scripted model another surface"
        )
        self.expected = expected
        self.model = model


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request with its undecoded body, its path without a query, and lower-case header names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A complete request.

    Args:
        method: The HTTP method.
        path: The path without its query.
        headers: The headers by lower-case name; the last value of a repeated header.
        body: The JSON object; empty without a body.
        query: The query string after `?`.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JSONObject = field(default_factory=dict[str, Any])
    query: str = ""

    @property
    def role(self) -> Role:
        """The requested model's user."""
        return role_of(self.body)

    @property
    def surface(self) -> Surface | None:
        """The kind of tools in the request; None without a tool for commands."""
        return surface_of(self.body)

    @property
    def thread_id(self) -> str | None:
        """The id of the request's thread; None if not sent by Codex."""
        return self.headers.get("thread-id")

    @property
    def agent(self) -> str:
        """The agent of a Codex thread behind the request.

        The path is `/root` for the thread started by a client and, for example, `/root/tests` for a
        sub-agent. A sub-agent spawned with plain tools has no path; its thread id is used instead.

        Source: the header `x-codex-turn-metadata` of Codex 0.153.4 to 0.171.0; it names every
        sub-agent `/root` for a model with plain tools.
        """
        metadata = object_in(self.headers.get("x-codex-turn-metadata", ""))
        path = str(metadata.get("agent_name") or ROOT_AGENT)
        is_child = metadata.get("subagent_kind") is not None
        return self.thread_id or path if is_child and path == ROOT_AGENT else path

    @property
    def turn(self) -> Turn:
        """The latest user turn: its prompt, skills, and the tool calls since."""
        return latest_turn(self.body)

    @property
    def model(self) -> str:
        """The requested model."""
        return str(self.body.get("model", "rehearsal"))

    @property
    def streams(self) -> bool:
        """True for a request for events."""
        return self.body.get("stream") is True


def parse(raw: RawRequest) -> Request:
    """Decode a request's body.

    Raises:
        RefusedError: The body is encoded, not JSON, or not an object.
    """
    encoding = raw.headers.get("content-encoding", "identity")
    if encoding != "identity":
        message = f"The body is encoded as {encoding}; send it as it is."
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
    try:
        body = json.loads(raw.body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "The body is not a JSON object.")
    return Request(raw.method, raw.path, raw.headers, cast("JSONObject", body), raw.query)
