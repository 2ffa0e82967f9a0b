"""What commands print: results to stdout, everything else to stderr.

Promises that a reader who has seen enough, as `head` does, is no error, and that stdout holds
nothing but results.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys

from codexmcp.cli.text import columns, cut, one_line


class Output:
    """Where a command prints.

    Args:
        is_json: Whether its results are for a program.

    Attributes:
        is_json: As above.
        is_closed: Whether nobody reads any more.
    """

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self.is_closed = False
        self._progress = 0
        for stream in (sys.stdout, sys.stderr):
            # A terminal without Unicode gets escapes instead of an error.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None when results go elsewhere, where nothing is cut."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def say(self, text: str) -> None:
        """Print a result; it must be harmless."""
        self.end_progress()
        self._write(f"{text}\n")

    def say_json(self, value: object) -> None:
        """Print a result as one JSON value: for people to look at too if they see it."""
        shown = 2 if sys.stdout.isatty() else None
        self.say(json.dumps(value, ensure_ascii=False, indent=shown))

    def note(self, text: str) -> None:
        """Tell what is no result."""
        self.end_progress()
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def trouble(self, text: object) -> None:
        """Tell an error that does not end the command."""
        self.note(f"codexmcp: {text}")

    def progress(self, text: str) -> None:
        """Show what goes on in one line that the next one replaces, if somebody looks."""
        if not sys.stderr.isatty():
            return
        line = cut(one_line(text), shutil.get_terminal_size().columns - 1)
        size = columns(line)
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r{line}{' ' * (self._progress - size)}")
            sys.stderr.flush()
        self._progress = max(size, 1)

    def end_progress(self) -> None:
        """Clear the line of progress."""
        if self._progress:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"\r{' ' * self._progress}\r")
                sys.stderr.flush()
            self._progress = 0

    def close(self) -> None:
        """Print what waits to be printed."""
        self._write("")

    def _write(self, text: str) -> None:
        if self.is_closed:
            return
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self.is_closed = True
            # What is still buffered would fail once more when Python ends.
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - nothing is written
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
