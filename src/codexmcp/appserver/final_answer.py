"""Selection of a turn's answer among its messages.

Pure.
"""

from __future__ import annotations

from functools import reduce

from codexmcp.appserver.events import (
    AgentMessage,
    Event,
    Fields,
    Item,
    ItemCompleted,
    ItemStarted,
    SubAgentActivity,
    TurnStarted,
    parse_item,
)
from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import list_of

FINAL_ANSWER = "final_answer"

EMPTY_ANSWER = "the turn ended without a message of the model"
"""The remark on an empty answer. Codex omits a refusal (`content: [{"type": "refusal"}]`) from its
events, its raw response items and its rollout: an `agentMessage` item starts without completing.

Source: measured on 0.153.4, 0.163.0 and 0.171.0."""

_QUIET_ITEMS = frozenset({"userMessage", "reasoning", "plan", "hookPrompt", "contextCompaction"})


def final_message(before: str, item: Item) -> str:
    """Return the final message after a further item, independent of phases.

    A message before the use of a tool is commentary.

    Args:
        before: The final message so far.
        item: A completed message, or a started item of another kind.
    """
    if isinstance(item, AgentMessage):
        return item.text
    if isinstance(item, SubAgentActivity):
        # Codex may report the end of a sub-agent after the answer, or between two turns.
        return before if item.kind == "completed" else ""
    return before if item.type in _QUIET_ITEMS else ""


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The answer of a turn so far.

    Attributes:
        text: The text; may be empty.
        is_final: The model declared the answer final. Later tools, commentary and empty responses
            do not change the answer.
    """

    text: str = ""
    is_final: bool = False

    def after(self, event: Event) -> FinalAnswer:
        """Return the answer after a further event of the thread."""
        match event:
            case TurnStarted():
                return FinalAnswer()
            case ItemCompleted(item=AgentMessage() as message):
                return self.with_item(message)
            case ItemCompleted() | ItemStarted(item=AgentMessage()):
                # A background command may end after the answer.
                return self
            case ItemStarted(item=item):
                return self.with_item(item)
            case _:
                return self

    def with_item(self, item: Item) -> FinalAnswer:
        """Return the answer after a further item; see `final_message` for turns without phases.

        Args:
            item: A completed message, or a started item of another kind.
        """
        if isinstance(item, AgentMessage) and item.phase == FINAL_ANSWER and item.text:
            return FinalAnswer(item.text, is_final=True)
        return self if self.is_final else FinalAnswer(final_message(self.text, item))


def last_message_of(turn: Fields) -> str:
    """Return the answer among a turn's items; may be empty."""
    return reduce(
        FinalAnswer.with_item, map(parse_item, list_of(turn.get("items"))), FinalAnswer()
    ).text
