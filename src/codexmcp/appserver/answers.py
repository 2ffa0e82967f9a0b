"""Answers to the questions that Codex asks while a turn runs.

Pure. Source: requests of `codex app-server` 0.163.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from codexmcp.jsonrpc.messages import Request


class Question(StrEnum):
    """The kinds of questions, by the method of Codex's request."""

    COMMAND = "item/commandExecution/requestApproval"
    FILE_CHANGE = "item/fileChange/requestApproval"
    PERMISSIONS = "item/permissions/requestApproval"
    USER_INPUT = "item/tool/requestUserInput"
    ELICITATION = "mcpServer/elicitation/request"


class Verdict(StrEnum):
    """What was decided, in app-server's words."""

    ACCEPT = "accept"
    ACCEPT_FOR_SESSION = "acceptForSession"
    DECLINE = "decline"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        verdict: The decision.
        amendment: Words of commands that shall never be asked about again; None without any.
        content: What was filled in, for a question that asks for more than a decision.
    """

    verdict: Verdict
    amendment: tuple[str, ...] | None = None
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])


DECLINED = Answer(Verdict.DECLINE)


def can_be_declined(request: Request) -> bool:
    """Return whether a request is a question, which has an answer that means no."""
    return request.method in set(Question)


def to_codex(request: Request, answer: Answer, *, allow_amendments: bool) -> dict[str, Any]:
    """Return the answer to Codex's request.

    Args:
        request: Codex's request.
        answer: What was decided.
        allow_amendments: Whether an amendment may be written to the Codex home's rules, which
            opens the sandbox for every later session.
    """
    match request.method:
        case Question.COMMAND:
            if answer.amendment is not None and allow_amendments:
                amendment = {"execpolicy_amendment": list(answer.amendment)}
                return {"decision": {"acceptWithExecpolicyAmendment": amendment}}
            return {"decision": answer.verdict}
        case Question.FILE_CHANGE:
            return {"decision": answer.verdict}
        case Question.ELICITATION:
            return _elicitation_answer(answer)
        case Question.PERMISSIONS:
            return {"permissions": {}}
        case _:
            return {"answers": {}}


def _elicitation_answer(answer: Answer) -> dict[str, Any]:
    if answer.verdict in {Verdict.ACCEPT, Verdict.ACCEPT_FOR_SESSION}:
        return {"action": "accept", "content": dict(answer.content)}
    return {"action": answer.verdict, "content": None}
