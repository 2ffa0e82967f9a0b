"""The picker `codex-runs`: looks at runs in the terminal, attaches to them and acts on them.

The only part that imports `textual`, and only once it runs: help does not wait for it, and Ctrl-C
meanwhile shows no traceback. Promises to write nothing itself: runs are changed by their supervisor
alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from codexmcp.errors import ExitCode


def main(argv: Sequence[str] | None = None) -> int:
    """Run the picker and return its exit code.

    Args:
        argv: The arguments; None means those of the process.
    """
    try:
        from codexmcp.picker import arguments  # noqa: PLC0415 - see above

        given = arguments.parse(argv)
        from codexmcp.picker.program import run_picker  # noqa: PLC0415 - as above

        return run_picker(given)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
