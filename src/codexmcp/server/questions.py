"""Codex's questions as MCP elicitations, and a client's answers as Codex's answers.

Pure. Two dialects of answers are accepted: the removed server's `{"decision": …}` and MCP's
`{"action": …}`.

Source: `elicitation/create` of `codex mcp-server` 0.153.4; requests of `codex app-server` 0.163.0;
https://github.com/openai/codex/issues/18268 for clients with answers in MCP's dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.answers import Answer, ApprovalDecision, Question, question_text
from codexmcp.appserver.forms import form_of
from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import dig, list_of, object_of, text_of
from codexmcp.server.codex_items import old_action, old_changes, words_of


def elicitation_params(
    request: Request, call_id: RequestId, changes: object, agent: str = ""
) -> dict[str, Any] | None:
    """Return the parameters of `elicitation/create`; None for a question without an MCP form.

    Args:
        request: Codex's request.
        call_id: The id of the client's `tools/call` behind the question.
        changes: For a file change, the `changes` of its item.
        agent: Path of the asking sub-agent; empty for the root.
    """
    match request.method:
        case Question.COMMAND:
            question = {**_command_question(request.params), **_context(request, call_id)}
        case Question.FILE_CHANGE:
            question = {**_patch_question(request.params, changes), **_context(request, call_id)}
        case Question.ELICITATION:
            question = _forwarded(request.params)
        case Question.USER_INPUT:
            questions = [object_of(each) for each in list_of(request.params.get("questions"))]
            texts = [text_of(each.get("question")) or "" for each in questions]
            message = f"Codex asks: {' '.join(texts)}"
            question = {"message": message, "requestedSchema": form_of(request)}
        case _:
            return None
    if agent:
        question["message"] = f"[sub-agent {agent}] {question['message']}"
    return question


def standard(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a question that MCP defines, for a client with an envelope.

    Args:
        question: The result of `elicitation_params`.
    """
    if question.get("mode") == "url":
        return {name: question[name] for name in ("mode", "message", "url")}
    empty: dict[str, Any] = {"type": "object", "properties": {}}
    form = question.get("requestedSchema") or empty
    return {"mode": "form", "message": question["message"], "requestedSchema": form}


def standard_question(request: Request, agent: str = "") -> dict[str, Any]:
    """Return any question of Codex in the fields of MCP alone.

    Args:
        request: Codex's request.
        agent: Path of the asking sub-agent; empty for the root.
    """
    known = elicitation_params(request, "", None, agent)
    return standard(known or {"message": question_text(request)})


def read_answer(result: object) -> Answer:
    """Return a client's answer; an unreadable result is a decline.

    Args:
        result: The result of `elicitation/create`.
    """
    fields = object_of(result)
    if "decision" in fields:
        return _old_answer(fields["decision"])
    decision = _ACTIONS.get(text_of(fields.get("action")) or "", ApprovalDecision.DECLINE)
    return Answer(decision, content=object_of(fields.get("content")))


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
    """Return the question of an MCP server inside Codex, with the server's name."""
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


_ACTIONS = {
    "accept": ApprovalDecision.ACCEPT,
    "decline": ApprovalDecision.DECLINE,
    "cancel": ApprovalDecision.CANCEL,
}

_DECISIONS = {
    "approved": ApprovalDecision.ACCEPT,
    "approved_for_session": ApprovalDecision.ACCEPT_FOR_SESSION,
    "denied": ApprovalDecision.DECLINE,
    "abort": ApprovalDecision.CANCEL,
    "timed_out": ApprovalDecision.DECLINE,
}


def _old_answer(decision: object) -> Answer:
    name = text_of(decision) or next(iter(object_of(decision)), "")
    if name == "approved_execpolicy_amendment":
        words = list_of(dig(decision, name, "proposed_execpolicy_amendment"))
        return Answer(ApprovalDecision.ACCEPT, amendment=tuple(map(str, words)) or None)
    return Answer(_DECISIONS.get(name, ApprovalDecision.DECLINE))
