"""One request and its answer, as all who deal with it know it; and the last of them.

Pure but for the clock that is given.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from codexmcp.http.tokens import Token

KEY = "codexmcp.exchange"
"""Where it lies in an ASGI scope."""

KEPT = 100
FIRST_REFUSAL = 400


@dataclass(slots=True)
class Exchange:
    """A request and its answer.

    Attributes:
        peer: The address it came from.
        token: What it was let in by; None before, or without one.
        method: The method of HTTP, and the path.
        tool: What it was about: a tool or a method of MCP.
        status: The status it was answered with; 0 before.
        failed: Whether the tool said that it failed.
        is_under_way: Whether it is one of those that are worked on together.
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
        """Be worked on while the block runs."""
        self.is_under_way = True
        try:
            yield
        finally:
            self.is_under_way = False


@dataclass(slots=True)
class Requests:
    """What was asked of the server since its start.

    Attributes:
        total: How many requests there were.
        by_tool: How often each tool or method was asked for.
        by_status: How often each status was answered.
    """

    total: int = 0
    by_tool: Counter[str] = field(default_factory=Counter[str])
    by_status: Counter[int] = field(default_factory=Counter[int])
    _last: deque[dict[str, Any]] = field(
        default_factory=lambda: deque[dict[str, Any]](maxlen=KEPT), repr=False
    )

    def note(self, exchange: Exchange, at: float, took_s: float) -> None:
        """Take a request that is over into the account.

        Args:
            exchange: The request.
            at: When it began, as seconds since 1970.
            took_s: How long it took, in seconds.
        """
        self.total += 1
        self.by_status[exchange.status] += 1
        if exchange.tool:
            self.by_tool[exchange.tool] += 1
        if exchange.token is None and exchange.status < FIRST_REFUSAL:
            # Somebody who looks every second whether we are well would drive out all else.
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
        """Return the last requests, the newest first."""
        return list(reversed(self._last))
