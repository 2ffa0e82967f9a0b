"""The picker `codex-runs`: shows runs in the terminal, attaches to runs and acts on runs.

The only part with an import of `textual`, delayed until the screen starts, because help does not
wait for the import. Promises: the picker writes nothing; only a supervisor changes runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from codexmcp.entry import Work, run_program


def main(argv: Sequence[str] | None = None) -> int:
    """Run the picker and return its exit code.

    Args:
        argv: The arguments; None: the arguments of the process.
    """

    def load() -> Work:
        from codexmcp.picker import arguments  # noqa: PLC0415 - see `run_program`

        given = arguments.parse(argv)
        from codexmcp.picker.program import run_picker  # noqa: PLC0415 - help does not wait

        return lambda: run_picker(given)

    return run_program("codex-runs", load)
