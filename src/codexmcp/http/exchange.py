"""A request with its answer, and the record of recent requests.

Pure, with an injected clock.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Generator
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.http.tokens import Token

KEY = "codexmcp.exchange"
"""The key in an ASGI scope."""

KEPT = 100
FIRST_REFUSAL = 400


@dataclass(slots=True)
class Exchange:
    """A request and its answer.

    Attributes:
        peer: The client's address.
        token: The accepted token; None before, or without a token.
        method: The HTTP method and path.
        tool: The tool or the MCP method.
        status: The HTTP status; 0 before the answer.
        failed: The tool reported a failure.
        is_under_way: The request is being processed.
    """

    peer: str
    method: str
    token: Token | None = None
    tool: str = ""
    status: int = 0
    failed: bool = False
    is_under_way: bool = False

    @contextlib.contextmanager
    def under_way(self) -> Generator[None, None, None]:
        """Mark the request as being processed while the block runs."""
        self.is_under_way = True
        try:
            yield
        finally:
            self.is_under_way = False


@dataclass(slots=True)
class Requests:
    """The requests since the server's start.

    Attributes:
        total: The number of requests.
        by_tool: The number of requests by tool or method.
        by_status: The number of requests by HTTP status.
    """

    total: int = 0
    by_tool: Counter[str] = field(default_factory=Counter[str])
    by_status: Counter[int] = field(default_factory=Counter[int])
    _last: deque[dict[str, Any]] = field(
        default_factory=lambda: deque[dict[str, Any]](maxlen=KEPT), repr=False
    )

    def note(self, exchange: Exchange, at: float, took_s: float) -> None:
        """Record a finished request.

        Args:
            exchange: The request.
            at: The start, in seconds since 1970.
            took_s: The duration, in seconds.
        """
        self.total += 1
        self.by_status[exchange.status] += 1
        if exchange.tool:
            self.by_tool[exchange.tool] += 1
        if exchange.token is None and exchange.status < FIRST_REFUSAL:
            # Health checks every second would displace all other requests.
            return
        entry: dict[str, Any] = {
            "at": round(at, 3),
            "request": exchange.method,
            "status": exchange.status,
            "ms": round(took_s * 1000, 1),
        }
        if exchange.tool:
            entry["tool"] = exchange.tool
        if exchange.token is not None:
            entry["token"] = exchange.token.name
        if exchange.failed:
            entry["failed"] = True
        self._last.append(entry)

    def last(self) -> list[dict[str, Any]]:
        """Return the latest requests, newest first."""
        return list(reversed(self._last))
