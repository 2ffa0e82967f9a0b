"""Answers to Codex's questions during a turn.

Pure. Source: requests of `codex app-server` 0.163.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonvalues import object_of, text_of


class Question(StrEnum):
    """Kinds of questions, by the method of Codex's request."""

    COMMAND = "item/commandExecution/requestApproval"
    FILE_CHANGE = "item/fileChange/requestApproval"
    PERMISSIONS = "item/permissions/requestApproval"
    USER_INPUT = "item/tool/requestUserInput"
    ELICITATION = "mcpServer/elicitation/request"


class ApprovalDecision(StrEnum):
    """Decisions, in app-server's words."""

    ACCEPT = "accept"
    ACCEPT_FOR_SESSION = "acceptForSession"
    DECLINE = "decline"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question.

    Attributes:
        decision: The decision.
        amendment: Words of commands to allow for ever. None: no amendment.
        content: Field values, for a question with a form.
    """

    decision: ApprovalDecision
    amendment: tuple[str, ...] | None = None
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def accepts(self) -> bool:
        """The decision is yes."""
        return self.decision in {ApprovalDecision.ACCEPT, ApprovalDecision.ACCEPT_FOR_SESSION}


DECLINED = Answer(ApprovalDecision.DECLINE)


def can_be_declined(request: Request) -> bool:
    """Return whether a request is a question, which can be declined."""
    return request.method in set(Question)


def to_codex(request: Request, answer: Answer, *, allow_amendments: bool) -> dict[str, Any]:
    """Return the response to Codex's request.

    Args:
        request: Codex's request.
        answer: The decision.
        allow_amendments: Write amendments to the Codex home's rules, which opens the sandbox for
            all later sessions.
    """
    match request.method:
        case Question.COMMAND:
            if answer.amendment is not None and allow_amendments:
                amendment = {"execpolicy_amendment": list(answer.amendment)}
                return {"decision": {"acceptWithExecpolicyAmendment": amendment}}
            return {"decision": answer.decision}
        case Question.FILE_CHANGE:
            return {"decision": answer.decision}
        case Question.ELICITATION:
            return _elicitation_answer(answer, is_url=request.params.get("mode") == "url")
        case Question.PERMISSIONS:
            return {"permissions": {}}
        case _:
            given = dict(answer.content) if answer.accepts else dict[str, Any]()
            return {"answers": {name: {"answers": [str(text)]} for name, text in given.items()}}


def _elicitation_answer(answer: Answer, *, is_url: bool) -> dict[str, Any]:
    if answer.accepts:
        return {"action": "accept", "content": None if is_url else dict(answer.content)}
    return {"action": answer.decision, "content": None}


_KINDS = {
    Question.COMMAND: "command",
    Question.FILE_CHANGE: "file_change",
    Question.PERMISSIONS: "permissions",
    Question.USER_INPUT: "input",
    Question.ELICITATION: "elicitation",
}

_TEXT_CHARACTERS = 400


def kind_of(request: Request) -> str:
    """Return our word for the kind of a question, such as `command`."""
    return _KINDS[Question(request.method)]


def question_text(request: Request) -> str:
    """Return a question in one line."""
    text = " ".join(_question(request).split())
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[: _TEXT_CHARACTERS - 1]}…"


def _question(request: Request) -> str:
    params: Mapping[str, Any] = request.params
    reason = f" ({params['reason']})" if params.get("reason") else ""
    match request.method:
        case Question.COMMAND:
            return f"run `{params.get('command')}`{reason}"
        case Question.FILE_CHANGE:
            return f"change files outside of the sandbox{reason}"
        case Question.PERMISSIONS:
            return f"use more permissions{reason}"
        case Question.ELICITATION:
            server = text_of(params.get("serverName")) or "an MCP server"
            return f"{server} asks: {params.get('message')}"
        case _:
            questions = [object_of(each).get("question") for each in params.get("questions") or ()]
            return f"asks: {'; '.join(map(str, questions))}"
