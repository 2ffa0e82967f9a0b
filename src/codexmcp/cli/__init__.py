"""The command `codexmcp`: arguments to one use case to an exit code."""

from __future__ import annotations

from collections.abc import Sequence

from codexmcp.entry import Work, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        argv: The arguments; None means those of the process.
    """

    def load() -> Work:
        from codexmcp.cli.app import load_command  # noqa: PLC0415 - see `run_program`

        return load_command(argv)

    return run_program("codexmcp", load)
