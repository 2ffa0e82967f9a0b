"""Token counts in rollouts. Pure."""

from __future__ import annotations

from codexmcp.appserver.tokens import Tokens
from codexmcp.jsonvalues import is_object

__all__ = ["Tokens", "parse_tokens"]

_TOO_MANY = 2**53
"""Far above any real count; sums of smaller counts fit SQLite's integers."""


def parse_tokens(value: object) -> Tokens | None:
    """Return the tokens of Codex's `TokenUsage`; None for any other value.

    A missing count is 0: older builds lack some of them.
    """
    if not is_object(value) or not ("input_tokens" in value or "output_tokens" in value):
        return None
    get = value.get
    counts = (
        get("input_tokens", 0),
        get("cached_input_tokens", 0),
        get("cache_write_input_tokens", 0),
        get("output_tokens", 0),
        get("reasoning_output_tokens", 0),
    )
    for count in counts:
        if type(count) is not int or not 0 <= count < _TOO_MANY:
            return None
    return Tokens(*counts)
