"""Progress of a root's turn, from the events of the tree.

Pure.
"""

from __future__ import annotations

from codexmcp.appserver.events import (
    AgentMessage,
    ErrorReported,
    Event,
    ItemCompleted,
    ItemStarted,
    TurnCompleted,
    TurnError,
)
from codexmcp.appserver.final_answer import FinalAnswer, final_message
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import dig


@dataclass(slots=True)
class TurnProgress:
    """The progress of a turn.

    Attributes:
        thread_id: The root thread.
        heard_at: Loop time of the last sign of life, or of the end of an announced sleep.
        turn_id: The turn; the last turn, if Codex began further turns by itself.
        was_sent: Codex may have the input.
        begun: Codex has reported the start of the turn.
        answer: The answer so far, by the phases declared by the model.
        last_message: The last message after the last tool, independent of phases.
        last_error: The last reported error.
        end: The end of the root's turn. None: still running.
        has_goal: Codex will begin a further turn by itself.
    """

    thread_id: str
    heard_at: float
    turn_id: str = ""
    was_sent: bool = False
    begun: bool = False
    answer: FinalAnswer = field(default_factory=FinalAnswer)
    last_message: str = ""
    last_error: TurnError | None = None
    end: TurnCompleted | None = None
    has_goal: bool = False

    def hear(self, event: Event) -> None:
        """Record the start of the turn at once, before earlier events are handled."""
        if event.method == "turn/started" and event.thread_id == self.thread_id:
            self.turn_id = self.turn_id or event.turn_id
            self.begun = self.begun or event.turn_id == self.turn_id

    def note(self, event: Event) -> None:
        """Update the progress by an event of the tree, in order."""
        if event.method == "thread/goal/updated":
            self.has_goal = dig(event.params, "goal", "status") == "active"
        elif event.method == "thread/goal/cleared":
            self.has_goal = False
        elif event.thread_id == self.thread_id:
            self._note_of_root(event)

    def settle(self, text: str) -> None:
        """Record Codex's stored answer; an empty text keeps the answer from events."""
        self.answer = FinalAnswer(text or self.answer.text)
        self.last_message = text or self.last_message

    def _note_of_root(self, event: Event) -> None:
        if event.method == "turn/started" and self.end is not None:
            # Codex has begun a further turn, for a goal or for an attached person.
            self.turn_id, self.end = event.turn_id, None
            self.answer, self.last_message = FinalAnswer(), ""
        if event.turn_id not in {"", self.turn_id}:
            return  # a late event of an earlier, interrupted turn
        self.begun = self.begun or bool(event.turn_id)
        self.answer = self.answer.after(event)
        match event:
            case ErrorReported(error=error):
                self.last_error = error
            case TurnCompleted():
                self.end = event
            case ItemCompleted(item=AgentMessage() as message):
                self.last_message = final_message(self.last_message, message)
            case ItemCompleted() | ItemStarted(item=AgentMessage()):
                # A background command may end after the answer.
                pass
            case ItemStarted(item=item):
                self.last_message = final_message(self.last_message, item)
            case _:
                pass
