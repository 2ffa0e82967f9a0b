"""The agents' instructions.

Pure. Instructions enforce nothing: sandbox, approvals and folder are set in code.
"""

from __future__ import annotations

_COMMON = """\
You are given a task that Codex, a coding agent, is to carry out. You do not write code or files \
yourself.

- Hand the task to Codex in the user's own words. A word that starts with $, such as \
$mcp-skill-smoke, names a skill of Codex: keep it exactly as it is.
- Codex works alone and cannot ask you anything. If what it reports falls short of the task, tell \
it what is missing; do so at most three times.
- When Codex is done, report to the user what it did, which files it made or changed, and what \
came out, as Codex reported it. If it failed, say so and give its error. Never make up a result.
"""


def mcp_instructions(*, resume: bool) -> str:
    """Return the instructions for an agent with the tools `codex` and `codex-reply`.

    Args:
        resume: An earlier thread is continued, with `codex-reply` only.
    """
    if resume:
        return _COMMON + "- Call `codex-reply`; the thread to continue is filled in for you.\n"
    return _COMMON + (
        "- Call `codex` once with the task as `prompt` and no other argument. For anything further "
        "call `codex-reply` with the `threadId` that it returned.\n"
    )


def tool_instructions() -> str:
    """Return the instructions for an agent with the SDK's `codex_tool`."""
    return _COMMON + (
        "- Call `codex` with the task as one text input. For anything further pass the `thread_id` "
        "that it returned.\n"
    )
