"""Capacity for concurrent requests, and the share of a token.

Pure. Guarantee: the owner's token always has capacity left, regardless of other tokens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from codexmcp.data_classes import dataclass
from codexmcp.http.replies import RefusedError
from codexmcp.http.tokens import OWNER, Token


@dataclass(slots=True)
class _Load:
    """Current load: the number and total size of requests."""

    requests: int = 0
    size: int = 0

    def add(self, requests: int, size: int) -> None:
        self.requests += requests
        self.size += size


class Slots:
    """The capacity.

    Args:
        at_once: Bound on the number of requests.
        held_bytes: Bound on their total size. A single request may have any size.
    """

    def __init__(self, at_once: int, held_bytes: int) -> None:
        self._at_once = at_once
        self._held_bytes = held_bytes
        self._all = _Load()
        self._by_token: dict[str, _Load] = {}

    @contextlib.contextmanager
    def taken(self, token: Token, size: int) -> Generator[None, None, None]:
        """Reserve capacity for a request while the block runs.

        Args:
            token: The request's token.
            size: The size in bytes, or its bound.

        Raises:
            RefusedError: No capacity is left.
        """
        mine = self._by_token.setdefault(token.name, _Load())
        try:
            self._check(token, mine, size)
            for load in (self._all, mine):
                load.add(1, size)
            try:
                yield
            finally:
                for load in (self._all, mine):
                    load.add(-1, -size)
        finally:
            if not mine.requests:
                self._by_token.pop(token.name, None)

    def _check(self, token: Token, mine: _Load, size: int) -> None:
        left = self._at_once - self._all.requests - 1
        left_bytes = self._held_bytes - self._all.size - size
        if left < 0 or (self._all.requests and left_bytes < 0):
            raise _full(f"{self._all.requests} requests are worked on already")
        # Each token must leave as much free as it uses, so several tokens always leave some.
        has_share = mine.requests + 1 <= left and mine.size + size <= left_bytes
        if self._all.requests and token.name != OWNER and not has_share:
            raise _full(f"{mine.requests} requests of the token {token.name} are worked on already")


def _full(what: str) -> RefusedError:
    return RefusedError(503, f"{what}; ask again in a moment", {"retry-after": "1"})
