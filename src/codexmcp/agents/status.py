"""A status line on a terminal that tells what is going on, and for how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from codexmcp.agents.progress import Kind, Progress

if TYPE_CHECKING:
    from rich.console import Console

LABEL_STYLE = "cyan"
FAILED_STYLE = "red"


class StatusLine:
    """The line, which lives below the progress until it is stopped.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._doing = "starting"
        self._since = time.monotonic()
        # The status renders itself anew several times a second, and this with it.
        self._status = console.status(self, spinner="line")
        self._status.start()

    def print(self, label: str, text: str, *, failed: bool = False) -> None:
        """Print a line above the status, cut to the terminal's width."""
        line = Text.assemble((label, LABEL_STYLE), (text, FAILED_STYLE if failed else ""))
        line.truncate(self._console.width, overflow="ellipsis")
        self._console.print(line, soft_wrap=True)

    def update(self, step: Progress) -> None:
        """Tell what is going on now."""
        self._doing = _DOING.get(step.kind, "Codex is working")

    def stop(self) -> None:
        """Take the status line away."""
        self._status.stop()

    def __rich__(self) -> Text:
        elapsed = int(time.monotonic() - self._since)
        text = Text(f"{self._doing} ({elapsed} s, Ctrl-C stops)", no_wrap=True)
        text.truncate(self._console.width - 2, overflow="ellipsis")
        return text


_DOING: dict[Kind, str] = {
    Kind.AGENT: "the agent's model is asked",
    Kind.TOOL: "Codex is starting",
    Kind.COMMAND: "Codex runs a command",
}
