"""Codex's questions as MCP elicitations, and a client's answers as Codex's.

Pure. Two dialects of answers are taken: the removed server's `{"decision": …}` and MCP's
`{"action": …}`.

Source: `elicitation/create` of `codex mcp-server` 0.153.4; requests of `codex app-server` 0.163.0;
https://github.com/openai/codex/issues/18268 for clients that answered as MCP says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import dig, list_of, object_of, text_of
from codexmcp.server.codex_items import old_action, old_changes, words_of

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
    """What a client answered.

    Attributes:
        verdict: The decision.
        amendment: Words of commands that shall never be asked about again; None without any.
        content: What was filled in, for a question that asks for more than a decision.
    """

    verdict: Verdict
    amendment: tuple[str, ...] | None = None
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])


def elicitation_params(
    request: Request, call_id: RequestId, changes: object
) -> dict[str, Any] | None:
    """Return the parameters of `elicitation/create`; None for a question that cannot be put.

    Args:
        request: Codex's request.
        call_id: The id of the client's `tools/call` in which it arose.
        changes: For a file change, the `changes` of its item.
    """
    match request.method:
        case "item/commandExecution/requestApproval":
            return {**_command_question(request.params), **_context(request, call_id)}
        case "item/fileChange/requestApproval":
            return {**_patch_question(request.params, changes), **_context(request, call_id)}
        case "mcpServer/elicitation/request":
            return _forwarded(request.params)
        case _:
            return None


def read_answer(result: object) -> Answer:
    """Return what a client answered; what cannot be read is a decline.

    Args:
        result: The result of `elicitation/create`.
    """
    fields = object_of(result)
    if "decision" in fields:
        return _old_answer(fields["decision"])
    verdict = _ACTIONS.get(text_of(fields.get("action")) or "", Verdict.DECLINE)
    return Answer(verdict, content=object_of(fields.get("content")))


def to_codex(request: Request, answer: Answer, *, allow_amendments: bool) -> dict[str, Any]:
    """Return the answer to Codex's request.

    Args:
        request: Codex's request.
        answer: What was decided.
        allow_amendments: Whether an amendment may be written to the Codex home's rules, which
            opens the sandbox for every later session.
    """
    match request.method:
        case "item/commandExecution/requestApproval":
            if answer.amendment is not None and allow_amendments:
                amendment = {"execpolicy_amendment": list(answer.amendment)}
                return {"decision": {"acceptWithExecpolicyAmendment": amendment}}
            return {"decision": answer.verdict}
        case "item/fileChange/requestApproval":
            return {"decision": answer.verdict}
        case "mcpServer/elicitation/request":
            return _elicitation_answer(answer)
        case "item/permissions/requestApproval":
            return {"permissions": {}}
        case _:
            return {"answers": {}}


def can_be_declined(request: Request) -> bool:
    """Return whether a request is a question, which has an answer that means no."""
    return request.method in {COMMAND, FILE_CHANGE, PERMISSIONS, USER_INPUT, ELICITATION}


def _command_question(params: Mapping[str, Any]) -> dict[str, Any]:
    command = str(params.get("command") or "")
    cwd = str(params.get("cwd") or "")
    return {
        "message": f"Allow Codex to run `{command}` in `{cwd}`?",
        "requestedSchema": {"type": "object", "properties": {}},
        "codex_elicitation": "exec-approval",
        "codex_command": words_of(command),
        "codex_cwd": cwd,
        "codex_parsed_cmd": [old_action(a, cwd) for a in list_of(params.get("commandActions"))],
    }


def _patch_question(params: Mapping[str, Any], changes: object) -> dict[str, Any]:
    question: dict[str, Any] = {
        "message": "Allow Codex to apply proposed code changes?",
        "requestedSchema": {"type": "object", "properties": {}},
        "codex_elicitation": "patch-approval",
        "codex_changes": old_changes(changes),
    }
    for name, old in (("reason", "codex_reason"), ("grantRoot", "codex_grant_root")):
        if params.get(name) is not None:
            question[old] = params[name]
    return question


def _context(request: Request, call_id: RequestId) -> dict[str, Any]:
    return {
        "threadId": request.params.get("threadId"),
        "codex_mcp_tool_call_id": str(call_id),
        "codex_event_id": request.params.get("turnId"),
        "codex_call_id": request.params.get("itemId"),
    }


def _forwarded(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the question of an MCP server inside Codex, which names the server that asks."""
    server = text_of(params.get("serverName")) or "an MCP server"
    message = text_of(params.get("message")) or "it gives no reason"
    schema = object_of(params.get("requestedSchema")) or {"type": "object", "properties": {}}
    question: dict[str, Any] = {"message": f"{server} (an MCP server of Codex) asks: {message}"}
    if params.get("mode") == "url":
        return {
            **question,
            "mode": "url",
            "url": params.get("url"),
            "elicitationId": params.get("elicitationId"),
        }
    return {**question, "requestedSchema": schema}


def _elicitation_answer(answer: Answer) -> dict[str, Any]:
    if answer.verdict in {Verdict.ACCEPT, Verdict.ACCEPT_FOR_SESSION}:
        return {"action": "accept", "content": dict(answer.content)}
    return {"action": answer.verdict, "content": None}


_ACTIONS = {
    "accept": Verdict.ACCEPT,
    "decline": Verdict.DECLINE,
    "cancel": Verdict.CANCEL,
}

_DECISIONS = {
    "approved": Verdict.ACCEPT,
    "approved_for_session": Verdict.ACCEPT_FOR_SESSION,
    "denied": Verdict.DECLINE,
    "abort": Verdict.CANCEL,
    "timed_out": Verdict.DECLINE,
}


def _old_answer(decision: object) -> Answer:
    name = text_of(decision) or next(iter(object_of(decision)), "")
    if name == "approved_execpolicy_amendment":
        words = list_of(dig(decision, name, "proposed_execpolicy_amendment"))
        return Answer(Verdict.ACCEPT, amendment=tuple(map(str, words)) or None)
    return Answer(_DECISIONS.get(name, Verdict.DECLINE))
