"""One attempt at a run: progress and stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import (
    AgentMessage,
    Event,
    ItemCompleted,
    ItemStarted,
)
from codexmcp.appserver.final_answer import FinalAnswer
from codexmcp.appserver.progress import describe
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.appserver.tool_call_counts import ToolCallCounts
from codexmcp.data_classes import dataclass, replace
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.run import Progress, Run
from codexmcp.runs.steps import Recorder


@dataclass(frozen=True, slots=True)
class LiveTurn:
    """The running turn of a run."""

    server: AppServer
    thread_id: str
    turn_id: str


class Attempt:
    """A running attempt at a run.

    No part of an attempt is found by the run's id: the next attempt may begin while this attempt is
    still giving back the thread.

    Args:
        run: The claimed run.
        on_end: Called after the ending is recorded, or the run is queued again.

    Attributes:
        run: The run, as stored.
        trail: The audit files, after opening.
        recorder: Records the attempt, step by step.
        prompt: The input of the turn; empty until the thread is loaded.
        progress: The progress so far.
        turn: The turn. None: not begun.
        ended: Set when the attempt is over and the store has the ending.
        stopped_by: The reason of an interrupt. None: not interrupted.
    """

    def __init__(self, run: Run, on_end: Callable[[Attempt], None]) -> None:
        self.run = run
        self._on_end = on_end
        self.trail: AuditTrail | None = None
        self.recorder = Recorder()
        self.prompt = ""
        self.progress = Progress()
        self._answer = FinalAnswer()
        self.turn: LiveTurn | None = None
        self.ended = asyncio.Event()
        self.stopped_by: str | None = None
        self._tokens = TokenLedger()
        self._tally = ToolCallCounts()
        self._working: asyncio.Task[object] | None = None

    def note(self, event: Event, agent: str = "") -> None:
        """Handle an event of the tree.

        Args:
            event: The event.
            agent: Path of the event's sub-agent; empty for the root.
        """
        self._tokens.note(event.thread_id, event)
        self._tally.note(event)
        self.progress = self._advanced(event, agent)
        match event:
            case ItemCompleted(item=AgentMessage() as message) if not agent:
                self._answer = self._answer.with_item(message)
            case _:
                pass

    @property
    def message(self) -> str:
        """The last message of the root's model, or the message declared final."""
        return self._answer.text

    def explain_step(self, trouble: str) -> None:
        """Add the key proxy's explanation to the step of a retry; an empty text adds nothing."""
        if trouble:
            step = f"{self.progress.last_step} (the key proxy: {trouble})"
            self.progress = replace(self.progress, last_step=step)

    @property
    def remark(self) -> str:
        """A failure hidden by a good ending: Codex completes a turn even if all commands failed."""
        return self._tally.remark

    def works_in(self, task: asyncio.Task[object]) -> None:
        """Set the task of the attempt, for `stop`."""
        self._working = task
        if self.stopped_by is not None:
            task.cancel()

    def end(self) -> None:
        """Announce the end of the attempt: the run is over, or queued again."""
        self.ended.set()
        self._on_end(self)

    def stop(self, reason: str) -> None:
        """Request a stop; the attempt is over after the end of the turn. The first reason stays."""
        if self.stopped_by is None:
            self.stopped_by = reason
            if self._working is not None:
                self._working.cancel()

    def _advanced(self, event: Event, agent: str) -> Progress:
        # A command that continues in the background is not the current step.
        step = describe(event, agent) if isinstance(event, ItemStarted) or event.turn_id else None
        return replace(
            self.progress,
            events=self.progress.events + 1,
            usage=self._tokens.usage,
            last_step=self.progress.last_step if step is None else step,
            updated_at=time.time(),
        )
