"""App-server's events as the `codex/event` messages of the removed server.

Pure. Left out, because app-server omits them: raw response items, the start of MCP servers, the
permission profile's entries, rate limits, and time to the first token.

Source: `codex mcp-server` 0.153.4 and `codex app-server` 0.163.0, side by side for the same turns.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from codexmcp.appserver.events import (
    Event,
    Fields,
    ItemCompleted,
    TurnStatus,
)
from codexmcp.appserver.final_answer import final_message
from codexmcp.jsonrpc.messages import Request
from codexmcp.jsonvalues import is_object, list_of, object_of, text_of, without_nulls
from codexmcp.server.codex_agents import agent_item, agent_messages
from codexmcp.server.codex_items import (
    Msg,
    old_action,
    old_changes,
    old_item,
    old_messages,
    snake,
    snake_names,
    words_of,
)
from codexmcp.server.codex_notices import NOTICES


def old_spelling(text: str) -> str:
    """Return a text of Codex with ASCII apostrophes, for callers with string matching.

    Source: from 0.163.0 on Codex writes typographic apostrophes.
    """
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def session_configured(thread: Fields) -> list[Msg]:
    """Return the opening message of a session.

    Args:
        thread: The answer to `thread/start`.
    """
    info = object_of(thread.get("thread"))
    profile = thread.get("activePermissionProfile")
    message = {
        "type": "session_configured",
        "session_id": info.get("sessionId"),
        "thread_id": info.get("id"),
        "model": thread.get("model"),
        "model_provider_id": thread.get("modelProvider"),
        "approval_policy": thread.get("approvalPolicy"),
        "approvals_reviewer": thread.get("approvalsReviewer"),
        "active_permission_profile": without_nulls(profile) if is_object(profile) else None,
        "cwd": thread.get("cwd"),
        "reasoning_effort": thread.get("reasoningEffort"),
        "rollout_path": info.get("path"),
    }
    startup: Msg = {"type": "mcp_startup_complete", "ready": [], "failed": [], "cancelled": []}
    return [without_nulls(message), startup]


def approval_requested(request: Request, changes: object) -> list[Msg]:
    """Return the messages for a question of Codex; empty if unknown to the removed server.

    Args:
        request: The question.
        changes: For a file change, the `changes` of its item.
    """
    params = request.params
    old: Msg = {
        "call_id": params.get("itemId"),
        "turn_id": params.get("turnId"),
        "started_at_ms": params.get("startedAtMs"),
        **without_nulls({"reason": params.get("reason")}),
    }
    if request.method == "item/fileChange/requestApproval":
        root = without_nulls({"grant_root": params.get("grantRoot")})
        return [
            {"type": "apply_patch_approval_request", **old, "changes": old_changes(changes), **root}
        ]
    if request.method != "item/commandExecution/requestApproval":
        return []
    cwd = str(params.get("cwd") or "")
    more = {
        "kind": params.get("kind"),
        "environmentId": params.get("environmentId"),
        "proposed_execpolicy_amendment": params.get("proposedExecpolicyAmendment"),
    }
    return [
        {
            "type": "exec_approval_request",
            **old,
            **without_nulls(more),
            "command": words_of(str(params.get("command") or "")),
            "cwd": cwd,
            "available_decisions": list(map(_old_decision, list_of(params["availableDecisions"])))
            if "availableDecisions" in params
            else [],
            "parsed_cmd": [old_action(a, cwd) for a in list_of(params.get("commandActions"))],
        }
    ]


class EventTranslator:
    """Translates the events of one call's turn, in order."""

    def __init__(self) -> None:
        self._started_at_ms: dict[str, Any] = {}
        self._held: list[Msg] = []
        self._final_message = ""

    def translate(self, event: Event) -> list[Msg]:
        """Return the old messages for an event; empty for an event unknown to the removed server.

        The messages belong to the event's turn. A message without a turn from app-server is held
        back until the next event with a turn.
        """
        told = self._translate(event)
        if not event.turn_id:
            self._held += told
            return []
        told = [*self._held, *told]
        self._held = []
        return told

    def _translate(self, event: Event) -> list[Msg]:
        match event.method:
            case "item/started" | "item/completed":
                return self._item(event)
            case "turn/completed":
                return self._turn_completed(event)
            case _:
                make = _SIMPLE.get(event.method)
                return [make(event)] if make is not None else []

    def _item(self, event: Event) -> list[Msg]:
        if isinstance(event, ItemCompleted):
            self._final_message = final_message(self._final_message, event.item)
        raw = object_of(event.params.get("item"))
        item = old_item(raw) or agent_item(raw)
        if item is None:
            return []
        ended = event.method == "item/completed"
        item_id = str(raw.get("id"))
        message: Msg = {
            "type": "item_completed" if ended else "item_started",
            "thread_id": event.thread_id,
            "turn_id": event.turn_id,
            "item": item,
        }
        if ended:
            completed = event.params.get("completedAtMs")
            message["started_at_ms"] = self._started_at_ms.pop(item_id, completed)
            message["completed_at_ms"] = completed
        else:
            self._started_at_ms[item_id] = event.params.get("startedAtMs")
            message["started_at_ms"] = event.params.get("startedAtMs")
        beside = old_messages(item, message, ended=ended)
        return [message, *(beside or agent_messages(item, message, ended=ended))]

    def _turn_completed(self, event: Event) -> list[Msg]:
        turn = object_of(event.params.get("turn"))
        times: Msg = {
            "started_at": turn.get("startedAt"),
            "completed_at": turn.get("completedAt"),
            "duration_ms": turn.get("durationMs"),
        }
        match turn.get("status"):
            case TurnStatus.COMPLETED:
                last = {"last_agent_message": self._final_message or None}
                return [{"type": "task_complete", "turn_id": event.turn_id, **last, **times}]
            case TurnStatus.INTERRUPTED:
                old = {"type": "turn_aborted", "turn_id": event.turn_id, "reason": "interrupted"}
                return [{**old, **times}]
            case _:
                # A failed turn ended with its `error` message.
                return []


def _task_started(event: Event) -> Msg:
    turn = object_of(event.params.get("turn"))
    old = {"type": "task_started", "turn_id": event.turn_id, "started_at": turn.get("startedAt")}
    return {**old, "collaboration_mode_kind": "default"}


def _token_count(event: Event) -> Msg:
    usage = object_of(event.params.get("tokenUsage"))
    info = {
        "total_token_usage": _snake_keys(usage.get("total")),
        "last_token_usage": _snake_keys(usage.get("last")),
        "model_context_window": usage.get("modelContextWindow"),
    }
    return {"type": "token_count", "info": info, "rate_limits": None}


def _error(event: Event) -> Msg:
    error = object_of(event.params.get("error"))
    retried = bool(event.params.get("willRetry"))
    old: Msg = {
        "type": "stream_error" if retried else "error",
        "message": old_spelling(str(error.get("message", ""))),
        "codex_error_info": snake_names(error.get("codexErrorInfo")),
    }
    if retried:
        details = text_of(error.get("additionalDetails"))
        old["additional_details"] = None if details is None else old_spelling(details)
    return old


def _turn_diff(event: Event) -> Msg:
    return {"type": "turn_diff", "unified_diff": event.params.get("diff", "")}


def _output_delta(event: Event) -> Msg:
    chunk = base64.b64encode(str(event.params.get("delta", "")).encode(errors="replace")).decode()
    old = {"type": "exec_command_output_delta", "call_id": event.params.get("itemId")}
    return {**old, "stream": "stdout", "chunk": chunk}


def _section_break(event: Event) -> Msg:
    old = {"type": "agent_reasoning_section_break", "item_id": event.params.get("itemId")}
    return {**old, "summary_index": event.params.get("summaryIndex")}


def _delta(kind: str, *indexes: str) -> Callable[[Event], Msg]:
    """Return a translation for a piece of text; `indexes` are the fields with its number."""

    def make(event: Event) -> Msg:
        return {
            "type": kind,
            "thread_id": event.thread_id,
            "turn_id": event.turn_id,
            "item_id": event.params.get("itemId"),
            "delta": event.params.get("delta", ""),
            **{snake(name): event.params.get(name) for name in indexes},
        }

    return make


def _old_decision(decision: object) -> object:
    if is_object(decision):
        words = object_of(decision.get("acceptWithExecpolicyAmendment")).get("execpolicy_amendment")
        return {"approved_execpolicy_amendment": {"proposed_execpolicy_amendment": words}}
    return _DECISIONS.get(str(decision), decision)


def _snake_keys(fields: object) -> Msg:
    return {snake(key): value for key, value in object_of(fields).items()}


_DECISIONS = {
    "accept": "approved",
    "acceptForSession": "approved_for_session",
    "decline": "denied",
    "cancel": "abort",
}

_SIMPLE: dict[str, Callable[[Event], Msg]] = {
    "turn/started": _task_started,
    "turn/diff/updated": _turn_diff,
    "item/agentMessage/delta": _delta("agent_message_content_delta"),
    "item/commandExecution/outputDelta": _output_delta,
    "item/reasoning/summaryPartAdded": _section_break,
    "item/reasoning/summaryTextDelta": _delta("reasoning_content_delta", "summaryIndex"),
    "item/reasoning/textDelta": _delta("reasoning_raw_content_delta", "contentIndex"),
    "thread/tokenUsage/updated": _token_count,
    "error": _error,
    **NOTICES,
}

TRANSLATED = frozenset({"item/started", "item/completed", "turn/completed", *_SIMPLE})
"""The notifications of app-server with a message of the removed server."""
