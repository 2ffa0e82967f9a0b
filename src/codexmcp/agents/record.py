"""What a run has come to so far, and whether it failed whatever the agent says.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codexmcp.agents.progress import Kind, Progress


@dataclass(slots=True)
class Record:
    """The facts of a run.

    Attributes:
        thread_id: The Codex thread of the last call; None before one started.
        commands: How many commands the last call ran to their end.
        failed_commands: How many of those failed.
        tokens: The last token counts that Codex gave.
        call_error: Why the last call failed; None when it did not.
    """

    thread_id: str | None = None
    commands: int = 0
    failed_commands: int = 0
    tokens: Mapping[str, Any] = field(default_factory=dict[str, Any])
    call_error: str | None = None

    def begin_call(self) -> None:
        """Note that Codex is called."""
        self.commands = self.failed_commands = 0
        self.call_error = None

    def end_call(self, *, error: str | None, thread_id: str | None) -> None:
        """Note how the call of Codex ended."""
        self.call_error = error
        self.thread_id = thread_id or self.thread_id

    def note(self, step: Progress) -> None:
        """Take a step of the call into account."""
        match step.kind:
            case Kind.THREAD:
                self.thread_id = step.data.get("threadId") or self.thread_id
            case Kind.COMMAND_END:
                self.commands += 1
                self.failed_commands += step.failed
            case Kind.TOKENS:
                self.tokens = step.data
            case _:
                pass

    def failure(self, *, files_changed: bool) -> str | None:
        """Return why the work counts as failed; None when it does not.

        Codex calls a turn a success when every command in it failed, as they all do when its
        sandbox cannot start.

        Args:
            files_changed: Whether any file appeared or changed where Codex worked.
        """
        if self.call_error is not None:
            return f"Codex failed: {self.call_error}"
        if self.commands and self.commands == self.failed_commands and not files_changed:
            each = (
                "the one command" if self.commands == 1 else f"each of the {self.commands} commands"
            )
            return f"{each} that Codex ran failed, and no file changed"
        return None
