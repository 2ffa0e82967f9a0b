"""Whether the HTTP server answers: asked over HTTP, as a client would. Imports nothing heavy."""

from __future__ import annotations

import argparse
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from codexmcp.jsonvalues import dig, text_of

TIMEOUT_S = 5.0

NAME = "codexmcp"
"""What a server of ours calls itself in its answers. Source: `http.replies`, slow to import."""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """How the HTTP server is.

    Attributes:
        url: Where MCP is, or should be.
        is_up: Whether it answers.
    """

    url: str
    is_up: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as `--json` tells it."""
        return {"http": {"url": self.url, "up": self.is_up}}

    def told(self) -> str:
        """Return it as a line for a person."""
        if self.is_up:
            return f"HTTP: up at {self.url}\n"
        return f"HTTP: down, nothing of ours answers at {self.url}; start `codexmcp serve --http`\n"


def look(arguments: argparse.Namespace, status: Mapping[str, Any] | None) -> HttpStatus | None:
    """Return how the HTTP server is; None when there is none and none is asked for.

    Args:
        arguments: Those of `codexmcp serve`.
        status: What the supervisor says; None without one.
    """
    url = text_of(dig(dict(status or {}), "http", "url"))
    if url is None:
        if not arguments.http:
            return None
        host = f"[{arguments.host}]" if ":" in arguments.host else arguments.host
        url = f"http://{host}:{arguments.port}{arguments.path}"
    return HttpStatus(url, is_up(url))


def is_up(url: str) -> bool:
    """Return whether a server of ours answers at the host and port of a URL."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=TIMEOUT_S
    )
    try:
        connection.request("GET", "/status")
        # Whatever it answers: one that is asked too often refuses to.
        return connection.getresponse().headers.get("server") == NAME
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
