"""Codex's questions as MCP elicitations, and a client's answers as Codex's.

Pure. Two dialects of answers are taken: the removed server's `{"decision": …}` and MCP's
`{"action": …}`.

Source: `elicitation/create` of `codex mcp-server` 0.153.4; requests of `codex app-server` 0.163.0;
https://github.com/openai/codex/issues/18268 for clients that answered as MCP says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.answers import Answer, Question, Verdict
from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import dig, list_of, object_of, text_of
from codexmcp.server.codex_items import old_action, old_changes, words_of


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
        case Question.COMMAND:
            return {**_command_question(request.params), **_context(request, call_id)}
        case Question.FILE_CHANGE:
            return {**_patch_question(request.params, changes), **_context(request, call_id)}
        case Question.ELICITATION:
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
