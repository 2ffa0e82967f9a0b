"""Steps of scripted models that several tests share."""

from __future__ import annotations

from codexmcp.testing import Script, ShellCall

UNKNOWN_MODEL = "unknown-to-codex"
"""A model that is in no catalogue of Codex, which offers it plain tools."""

LIST_TOOLS = Script("text(JSON.stringify(ALL_TOOLS.map((tool) => tool.name)));")
"""Has Codex name all tools that scripts can call, also those that it does not describe."""

ANSWER_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}},
    "required": ["answer"],
    "additionalProperties": False,
}
"""The schema of an answer such as `{"answer": 42}`."""


def escalated(command: str, justification: str = "why not") -> ShellCall:
    """Return a call of a command that Codex does not run without a question."""
    options = {"sandbox_permissions": "require_escalated", "justification": justification}
    return ShellCall(command, options)
