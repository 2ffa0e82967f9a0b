"""A run that this process works on, as others here see it and act on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    Event,
    FileChange,
    ItemCompleted,
    ItemStarted,
    TokenUsageUpdated,
    final_message,
)
from codexmcp.appserver.progress import describe
from codexmcp.runs.run import Progress, Run


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """Where the turn of a run goes on."""

    server: AppServer
    thread_id: str
    turn_id: str


class ActiveRun:
    """A run under way.

    Args:
        run: The run as it was claimed.
        on_end: Is told when nobody works on it any more.

    Attributes:
        run: The run as the store has it.
        progress: What it has done so far.
        message: The last thing that the model said.
        turn: Its turn, once that has begun.
        ended: Set when the run is over and the store knows.
        stopped_by: Why somebody interrupted it; None when nobody did.
    """

    def __init__(self, run: Run, on_end: Callable[[ActiveRun], None]) -> None:
        self.run = run
        self._on_end = on_end
        self.progress = Progress()
        self.message = ""
        self.turn: LiveTurn | None = None
        self.ended = asyncio.Event()
        self.stopped_by: str | None = None
        self._commands = 0
        self._failed_commands = 0
        self._changed_files = False
        self._working: asyncio.Task[object] | None = None

    def note(self, event: Event) -> None:
        """Take an event of its thread."""
        self.progress = _advance(self.progress, event)
        match event:
            case ItemCompleted(item=CommandExecution() as command):
                self._commands += 1
                self._failed_commands += command.failed
            case ItemCompleted(item=FileChange()):
                self._changed_files = True
            case ItemCompleted(item=AgentMessage() as message):
                self.message = final_message(self.message, message)
            case _:
                pass

    def explain_step(self, trouble: str) -> None:
        """Add to a step that is another try what the key proxy says of why; empty for nothing."""
        if trouble:
            step = f"{self.progress.last_step} (the key proxy: {trouble})"
            self.progress = replace(self.progress, last_step=step)

    @property
    def remark(self) -> str:
        """What a good ending hides: Codex calls a turn completed whose commands all failed."""
        count = self._commands
        if count == 0 or self._failed_commands < count or self._changed_files:
            return ""
        return "the only command failed" if count == 1 else f"all {count} commands failed"

    def works_in(self, task: asyncio.Task[object]) -> None:
        """Say which task works on it, for `stop`."""
        self._working = task
        if self.stopped_by is not None:
            task.cancel()

    def end(self) -> None:
        """Tell everybody that it is over, or was put back into the queue."""
        self.ended.set()
        self._on_end(self)

    def stop(self, reason: str) -> None:
        """Interrupt it. The first reason counts."""
        if self.stopped_by is None:
            self.stopped_by = reason
            if self._working is not None:
                self._working.cancel()


def _advance(progress: Progress, event: Event) -> Progress:
    usage = progress.usage
    if isinstance(event, TokenUsageUpdated):
        usage = usage + event.last
    # A command that goes on in the background is not what the run does now.
    step = describe(event) if isinstance(event, ItemStarted) or event.turn_id else None
    return replace(
        progress,
        events=progress.events + 1,
        usage=usage,
        last_step=progress.last_step if step is None else step,
    )
