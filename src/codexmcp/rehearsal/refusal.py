"""A rehearsal's refusal of requests that need a model.

Owns its text and its HTTP form. The text is distinguishable from any other. Pure: imports only
`outcome`.
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
        detail: An additional sentence about this request; empty for none.
    """
    message = f"{CANNOT_THINK} {detail}".strip()
    return HTTPError(400, message, code="rehearsal_cannot_think")


def is_refusal(text: str) -> bool:
    """Return True for a text with such a refusal."""
    return _MARK in text
