"""The events of a turn, as the API tells them.

Pure. The events are a small choice of Codex's own; a sub-agent's events carry its path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from codexmcp.appserver import events as codex
from codexmcp.appserver.events import FileEdit, TokenUsage
from codexmcp.data_classes import dataclass, field

Status: TypeAlias = Literal["completed", "interrupted", "failed"]

FINAL = "final_answer"
"""Source: Codex's `MessagePhase` of the final answer (0.163.0)."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Further text of an unfinished message.

    Attributes:
        text: The new text.
        message_id: The message.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    text: str
    message_id: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class MessageCompleted:
    """A whole message of the model.

    Attributes:
        text: The message.
        message_id: Codex's id of the message.
        is_final: Final answer, according to the model.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    text: str
    message_id: str
    is_final: bool = False
    agent: str = ""


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A shell command began.

    Attributes:
        command: The command, without Codex's shell.
        command_id: Codex's id of the command.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    command: str
    command_id: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class CommandFinished:
    """A shell command ended.

    Attributes:
        command: The command, without Codex's shell.
        command_id: Codex's id of the command.
        exit_code: Exit code; None for a declined command.
        output: Output, up to 1 MiB.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    command: str
    command_id: str
    exit_code: int | None
    output: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class FilesChanged:
    """A patch of the model was applied, or failed to apply.

    Attributes:
        changes: The files.
        succeeded: True for an applied patch.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    changes: tuple[FileEdit, ...]
    succeeded: bool = True
    agent: str = ""


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """Codex waits for an answer.

    Attributes:
        question_id: Names the question to `answer`.
        kind: `command`, `file_change`, `permissions`, `input` or `elicitation`.
        text: The question, in one line.
        form: JSON Schema of the fields to fill in; None for a question of yes or no.
        url: Address for the reader to open; None for none.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    question_id: str
    kind: str
    text: str
    form: Mapping[str, Any] | None = None
    url: str | None = None
    agent: str = ""


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """A response of the model was counted.

    Attributes:
        usage: The tokens of that response alone.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """

    usage: TokenUsage = field(default_factory=TokenUsage)
    agent: str = ""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The last event of a turn.

    Attributes:
        status: `completed`, `interrupted` or `failed`.
        error: Why it failed; empty otherwise.
    """

    status: Status
    error: str = ""


TurnEvent: TypeAlias = (
    TextDelta
    | MessageCompleted
    | CommandStarted
    | CommandFinished
    | FilesChanged
    | QuestionAsked
    | TokensUsed
    | TurnEnded
)


def narrate(event: codex.Event, agent: str = "") -> Iterator[TurnEvent]:
    """Yield an event of Codex as events of the API; nothing for an event outside the API.

    Args:
        event: An event of Codex.
        agent: Path of the sub-agent, for example `/root/tests`; empty for the root.
    """
    match event:
        case codex.MessageDelta(delta=text):
            yield TextDelta(text, str(event.params.get("itemId", "")), agent)
        case codex.ItemCompleted(item=item):
            yield from _completed(item, agent)
        case codex.ItemStarted(item=codex.CommandExecution() as command):
            yield CommandStarted(codex.without_shell(command.command), command.id, agent)
        case codex.TokenUsageUpdated(last=usage):
            yield TokensUsed(usage, agent)
        case _:
            pass


def _completed(item: codex.Item, agent: str) -> Iterator[TurnEvent]:
    match item:
        case codex.AgentMessage(text=text):
            yield MessageCompleted(text, item.id, item.phase == FINAL, agent)
        case codex.CommandExecution():
            command = codex.without_shell(item.command)
            yield CommandFinished(command, item.id, item.exit_code, item.output, agent)
        case codex.FileChange():
            succeeded = str(item.raw.get("status")) not in {"failed", "declined"}
            yield FilesChanged(item.edits, succeeded, agent)
        case _:
            pass
