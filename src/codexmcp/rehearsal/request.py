"""One request to a model server: as it is received, and as its responder and its tests see it.

Owns `RawRequest`, `Request`, and the step from one to the other. Promises that a request which gets
through has a JSON object for a body. Pure: imports only `errors`, `responses` and `conversation`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from codexmcp.errors import CodexMCPError
from codexmcp.rehearsal.conversation import Role, Turn, latest_turn, role_of
from codexmcp.rehearsal.responses import JSONObject


class RefusedError(CodexMCPError):
    """The request cannot be taken.

    Args:
        status: The HTTP status to answer with.
        message: What is wrong with it.
    """

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request with its undecoded body; its path is without a query, header names lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was received whole.

    Args:
        method: The HTTP method.
        path: The path without its query.
        headers: The headers by lower-case name; of a repeated header the last one.
        body: The JSON object that was sent; empty when there was no body.
        query: What came after `?` in the URL.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: JSONObject = field(default_factory=dict[str, Any])
    query: str = ""

    @property
    def role(self) -> Role:
        """Whose model the request wants to speak to."""
        return role_of(self.body)

    @property
    def turn(self) -> Turn:
        """The latest user turn: its prompt, skills, and the tool calls since."""
        return latest_turn(self.body)

    @property
    def model(self) -> str:
        """The model that the request asks for."""
        return str(self.body.get("model", "rehearsal"))

    @property
    def streams(self) -> bool:
        """Whether the answer is wanted as events."""
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
