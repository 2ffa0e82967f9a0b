"""The one answer of a rehearsal to what needs thought.

Owns its words and its HTTP form. Promises that it can be told from any other text. Pure: imports
only `outcome`.
"""

from __future__ import annotations

from codexmcp.rehearsal.outcome import HTTPError

_MARK = "This is a rehearsal: no model is called, and it cannot think."
CANNOT_THINK = (
    f"{_MARK} It runs only the command of a skill that the prompt names (such as "
    "$mcp-skill-smoke), or a command that the prompt quotes in backticks or in a fenced shell "
    "block."
)


def refusal(detail: str = "") -> HTTPError:
    """Return the refusal as an HTTP 400, which Codex does not retry.

    Args:
        detail: One more sentence about this request; empty adds none.
    """
    message = f"{CANNOT_THINK} {detail}".strip()
    return HTTPError(400, message, code="rehearsal_cannot_think")


def is_refusal(text: str) -> bool:
    """Tell whether a text reports such a refusal."""
    return _MARK in text
