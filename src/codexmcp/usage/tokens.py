"""Tokens as Codex counts them. Pure."""

from __future__ import annotations

from typing import NamedTuple

from codexmcp.jsonvalues import is_object

_TOO_MANY = 2**53
"""No honest count comes near it, and sums of what is below fit SQLite's integers."""


class Tokens(NamedTuple):
    """Tokens of one request, or of many.

    Source: Codex's `TokenUsage` (0.136.0 to 0.169.0): cached and written tokens are part of the
    input, and reasoning is part of the output.

    Attributes:
        input: What the model read, in all.
        cached: What of it came from the provider's cache.
        written: What of it went into the provider's cache.
        output: What the model wrote, in all.
        reasoning: What of it nobody gets to see.
    """

    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0

    def plus(self, more: Tokens) -> Tokens:
        """Return the sum of both."""
        return Tokens(*map(sum, zip(self, more, strict=True)))

    def __bool__(self) -> bool:
        return bool(self.input or self.output)

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output

    def since(self, before: Tokens) -> Tokens | None:
        """Return what was added since an earlier count; None when it is not later."""
        counts = [now - then for now, then in zip(self, before, strict=True)]
        return None if min(counts) < 0 else Tokens(*counts)


def parse_tokens(value: object) -> Tokens | None:
    """Return the tokens of Codex's `TokenUsage`; None for any other value.

    A count that is missing is 0: older builds do not know all of them.
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
