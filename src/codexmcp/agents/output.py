"""Writes text to a stream that may be lost at any time.

A run goes on when nobody reads its output any more: what Codex does is not undone by that.
"""

from __future__ import annotations

import os
from typing import TextIO


class Output:
    """A stream that swallows what it cannot write, and remembers why.

    Args:
        stream: Where text goes; None for a stream that was closed before the program began.

    Attributes:
        error: Why writing failed first; None when it did not.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write_line(self, text: str) -> None:
        """Write a line, what the stream's encoding lacks replaced, and flush it."""
        if self._stream is None or self.error is not None:
            return
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            self._stream.flush()
        except OSError as error:
            self.error = error
            _discard_rest(self._stream)

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be looking."""
        return self._stream is not None and self._stream.isatty()

    @property
    def failure(self) -> str | None:
        """What the user has to know; None also for a reader that just went away."""
        if self.error is None or isinstance(self.error, BrokenPipeError):
            return None
        return f"cannot write the output: {self.error.strerror}"


def _discard_rest(stream: TextIO) -> None:
    # Python writes what it still holds when it ends, and would complain then.
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        return
