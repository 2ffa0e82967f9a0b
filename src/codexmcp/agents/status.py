"""A terminal status line with the current activity and its duration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from codexmcp.agents.progress import AgentProgress, ProgressKind

if TYPE_CHECKING:
    from rich.console import Console

LABEL_STYLE = "cyan"
FAILED_STYLE = "red"


class StatusLine:
    """The line below the progress, until stopped.

    Args:
        console: The terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._doing = "starting"
        self._since = time.monotonic()
        # The status renders several times a second, including this object.
        self._status = console.status(self, spinner="line")
        self._status.start()

    def print(self, label: str, text: str, *, failed: bool = False) -> None:
        """Print a line above the status, cut to the terminal's width."""
        line = Text.assemble((label, LABEL_STYLE), (text, FAILED_STYLE if failed else ""))
        line.truncate(self._console.width, overflow="ellipsis")
        self._console.print(line, soft_wrap=True)

    def update(self, step: AgentProgress) -> None:
        """Show the activity of a step."""
        self._doing = _DOING.get(step.kind, "Codex is working")

    def stop(self) -> None:
        """Remove the status line."""
        self._status.stop()

    def __rich__(self) -> Text:
        elapsed = int(time.monotonic() - self._since)
        text = Text(f"{self._doing} ({elapsed} s, Ctrl-C stops)", no_wrap=True)
        text.truncate(self._console.width - 2, overflow="ellipsis")
        return text


_DOING: dict[ProgressKind, str] = {
    ProgressKind.AGENT: "the agent's model is asked",
    ProgressKind.TOOL: "Codex is starting",
    ProgressKind.COMMAND: "Codex runs a command",
}
