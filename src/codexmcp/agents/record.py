"""The facts of a run so far, and its failure independently of the agent's answer.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.agents.progress import AgentProgress, ProgressKind
from codexmcp.appserver.tool_call_counts import ToolCallCounts
from codexmcp.data_classes import dataclass, field


@dataclass(slots=True)
class AgentRecord:
    """The facts of a run.

    Attributes:
        thread_id: The Codex thread of the last call; None before its start.
        commands: The number of finished commands of the last call, and of failed patches.
        failed_commands: The number of failures among them.
        tokens: Codex's last token counts.
        call_error: The failure of the last call; None after a success.
    """

    thread_id: str | None = None
    commands: int = 0
    failed_commands: int = 0
    tokens: Mapping[str, Any] = field(default_factory=dict[str, Any])
    call_error: str | None = None

    def begin_call(self) -> None:
        """Record the start of a call of Codex."""
        self.commands = self.failed_commands = 0
        self.call_error = None

    def end_call(self, *, error: str | None, thread_id: str | None) -> None:
        """Record the end of a call of Codex."""
        self.call_error = error
        self.thread_id = thread_id or self.thread_id

    def note(self, step: AgentProgress) -> None:
        """Record a step of the call."""
        match step.kind:
            case ProgressKind.THREAD:
                self.thread_id = step.data.get("threadId") or self.thread_id
            case ProgressKind.COMMAND_END:
                self.commands += 1
                self.failed_commands += step.failed
            case ProgressKind.FILE if step.failed:
                self.commands += 1
                self.failed_commands += 1
            case ProgressKind.TOKENS:
                self.tokens = step.data
            case _:
                pass

    def failure(self, *, files_changed: bool) -> str | None:
        """Return the reason for a failed run; None for a success.

        Codex reports success for a turn even if every command failed, as happens when its sandbox
        cannot start.

        Args:
            files_changed: Files are new or changed in Codex's working directory.
        """
        if self.call_error is not None:
            return f"Codex failed: {self.call_error}"
        tally = ToolCallCounts(
            commands=self.commands, failed=self.failed_commands, changed_files=files_changed
        )
        return f"{tally.remark}, and no file changed" if tally.remark else None
