"""Short answers and refusals of the HTTP server.

Pure. Source: the status codes are those of RFC 9110, 6585 (429) and 6750 (401 and 403).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

NAME = "codexmcp"
"""The header that identifies our servers in every answer."""

_CHALLENGE = 'Bearer realm="codexmcp"'


class RefusedError(Exception):
    """A request was refused.

    Args:
        status: The HTTP status.
        message: The problem and its remedy.
        headers: Additional headers.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Return the response to the client."""
        return answer({"error": self.message}, self.status, self.headers)


def answer(
    fields: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an uncacheable JSON response."""
    own = {"server": NAME, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(
        json.dumps(fields, ensure_ascii=False),
        status_code=status,
        headers={**own, **(headers or {})},
        media_type="application/json",
    )


def unauthenticated(*, was_wrong: bool) -> RefusedError:
    """Return the refusal of a request without a valid token."""
    challenge = _CHALLENGE
    if was_wrong:
        challenge += ', error="invalid_token"'
    return RefusedError(
        401,
        "a token is needed: send `Authorization: Bearer` and the line in ~/.agentos/token of the "
        "machine that serves, or AGENTOS_TOKEN where that is set",
        {"www-authenticate": challenge},
    )


def out_of_scope(scope: str, what: str) -> RefusedError:
    """Return the refusal of a request whose token lacks a scope."""
    return RefusedError(
        403,
        f"this token does not permit {what}: it lacks the scope `{scope}`; use another, or make "
        f"one with `codexmcp serve --add-token NAME --scopes {scope}`",
        {"www-authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{scope}"'},
    )


def too_many(wait_s: float, what: str) -> RefusedError:
    """Return the refusal of a request over the rate limit."""
    seconds = max(1, math.ceil(wait_s))
    return RefusedError(
        429, f"too many {what}; ask again in {seconds} s", {"retry-after": str(seconds)}
    )
