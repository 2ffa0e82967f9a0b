"""The result of a turn, and how it grows from the turn's events. Pure."""

from __future__ import annotations

from typing import Any

from codexmcp.api.events import CommandFinished, FilesChanged, Status, TurnEvent
from codexmcp.appserver.events import FileEdit, TokenUsage
from codexmcp.data_classes import dataclass, field


@dataclass(frozen=True, slots=True)
class Result:
    """Result of a turn.

    Attributes:
        message: The final message; empty when there was none.
        thread_id: The thread, for `resume` and `fork`.
        status: `completed` or `interrupted`; a failed turn raises an error instead.
        output: The value of the message, for a turn with an output schema; None otherwise.
        usage: The tokens of the turn, with its sub-agents.
        commands: The shell commands that ended, in order, with those of sub-agents.
        files: The files that patches changed, in order. Files that commands wrote are not known.
        notes: Sentences about the thread, such as that sub-agents were stopped.
        duration_s: How long the turn took, in seconds.
        run_id: The supervised run; empty for a turn of `Codex`.
    """

    message: str
    thread_id: str
    status: Status = "completed"
    output: Any = None
    usage: TokenUsage = field(default_factory=TokenUsage)
    commands: tuple[CommandFinished, ...] = ()
    files: tuple[FileEdit, ...] = ()
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    run_id: str = ""


@dataclass(slots=True)
class TurnWork:
    """The commands and file changes of a turn so far.

    Attributes:
        commands: The commands that have ended.
        files: The files that were changed.
    """

    commands: list[CommandFinished] = field(default_factory=list[CommandFinished])
    files: list[FileEdit] = field(default_factory=list[FileEdit])

    def note(self, event: TurnEvent) -> None:
        """Take an event of the turn."""
        match event:
            case CommandFinished():
                self.commands.append(event)
            case FilesChanged(changes=changes, succeeded=True):
                self.files += changes
            case _:
                pass
