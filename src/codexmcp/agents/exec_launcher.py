"""`codexmcp-exec`: starts `codex exec` with settings beyond those of the SDK's `codex_tool`.

Replaces itself with Codex, so signals and the exit code are Codex's own.
"""

from __future__ import annotations

from codexmcp.entry import Work, run_program


def main() -> int:
    """Replace this process with Codex."""
    return run_program("codexmcp-exec", _load)


def _load() -> Work:
    from codexmcp.agents.exec_launch import become_codex  # noqa: PLC0415 - see `run_program`

    return become_codex
