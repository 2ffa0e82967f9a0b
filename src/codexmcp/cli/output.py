"""Output of commands: results to stdout, everything else to stderr.

`codexmcp.entry` handles lost output.
"""

from __future__ import annotations

import json
import shutil
import sys

from codexmcp.cli.text import columns, cut, one_line
from codexmcp.entry import is_output_lost


class Output:
    """The output of a command.

    Attributes:
        is_json: The results are for a program.
    """

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self._progress = 0

    @property
    def is_lost(self) -> bool:
        """True after stdout has been closed or has failed."""
        return is_output_lost()

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None without a terminal, so that nothing is cut."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def say(self, text: str) -> None:
        """Print a result, which must be harmless."""
        self.end_progress()
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def say_json(self, value: object) -> None:
        """Print a result as one JSON value, indented on a terminal."""
        shown = 2 if sys.stdout.isatty() else None
        self.say(json.dumps(value, ensure_ascii=False, indent=shown))

    def note(self, text: str) -> None:
        """Print a remark to stderr."""
        self.end_progress()
        sys.stderr.write(f"{text}\n")

    def trouble(self, text: object) -> None:
        """Print an error without ending the command."""
        self.note(f"codexmcp: {text}")

    def progress(self, text: str) -> None:
        """Show a line of progress on a terminal, in place of the previous line."""
        if not sys.stderr.isatty():
            return
        line = cut(one_line(text), shutil.get_terminal_size().columns - 1)
        size = columns(line)
        sys.stderr.write(f"\r{line}{' ' * (self._progress - size)}")
        sys.stderr.flush()
        self._progress = max(size, 1)

    def end_progress(self) -> None:
        """Clear the line of progress."""
        if self._progress:
            sys.stderr.write(f"\r{' ' * self._progress}\r")
            sys.stderr.flush()
            self._progress = 0
