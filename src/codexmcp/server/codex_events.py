"""App-server's events as the `codex/event` messages of the removed server.

Pure. What app-server does not tell is left out: raw response items, `mcp_startup_complete`'s lists,
the permission profile's entries, rate limits, and time to the first token.

Source: `codex mcp-server` 0.153.4 and `codex app-server` 0.163.0, side by side for the same turns.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Callable
from typing import Any

from codexmcp.appserver.events import Event, Fields, TurnStatus, last_message_of
from codexmcp.jsonvalues import is_object, list_of, object_of

Msg = dict[str, Any]
"""The `msg` of one `codex/event`."""


def session_configured(thread: Fields) -> list[Msg]:
    """Return what opens a session.

    Args:
        thread: The answer to `thread/start`.
    """
    info = object_of(thread.get("thread"))
    message = {
        "type": "session_configured",
        "session_id": info.get("sessionId"),
        "thread_id": info.get("id"),
        "model": thread.get("model"),
        "model_provider_id": thread.get("modelProvider"),
        "approval_policy": thread.get("approvalPolicy"),
        "approvals_reviewer": thread.get("approvalsReviewer"),
        "active_permission_profile": thread.get("activePermissionProfile"),
        "cwd": thread.get("cwd"),
        "reasoning_effort": thread.get("reasoningEffort"),
        "rollout_path": info.get("path"),
    }
    startup: Msg = {"type": "mcp_startup_complete", "ready": [], "failed": [], "cancelled": []}
    return [{key: value for key, value in message.items() if value is not None}, startup]


class EventTranslator:
    """Translates the events of one thread, in order."""

    def __init__(self) -> None:
        self._started_at_ms: dict[str, Any] = {}

    def translate(self, event: Event) -> list[Msg]:
        """Return the old messages that stand for an event; none for one the old server lacked."""
        match event.method:
            case "item/started" | "item/completed":
                return self._item(event)
            case _:
                make = _SIMPLE.get(event.method)
                return make(event) if make is not None else []

    def _item(self, event: Event) -> list[Msg]:
        raw = object_of(event.params.get("item"))
        item = _old_item(raw)
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
        return [message, *_legacy(item, message, ended=ended)]


def _old_item(raw: Fields) -> Msg | None:
    make = _ITEMS.get(str(raw.get("type")))
    return make(raw) if make is not None else None


def _user_message(raw: Fields) -> Msg:
    return {"type": "UserMessage", "id": raw.get("id"), "content": raw.get("content", [])}


def _agent_message(raw: Fields) -> Msg:
    content = [{"type": "Text", "text": raw.get("text", "")}]
    return {"type": "AgentMessage", "id": raw.get("id"), "content": content, **_given(raw, "phase")}


def _reasoning(raw: Fields) -> Msg:
    return {
        "type": "Reasoning",
        "id": raw.get("id"),
        "summary_text": raw.get("summary") or [],
        "raw_content": raw.get("content") or [],
    }


def _command(raw: Fields) -> Msg:
    item: Msg = {
        "type": "CommandExecution",
        "id": raw.get("id"),
        **_given(raw, "processId"),
        "command": _argv(str(raw.get("command", ""))),
        "cwd": f"file://{raw.get('cwd', '')}",
        "parsed_cmd": [old_action(action) for action in list_of(raw.get("commandActions"))],
        "source": _snake(raw.get("source")),
        "status": _snake(raw.get("status")),
    }
    if raw.get("status") == "inProgress":
        return item
    output = raw.get("aggregatedOutput") or ""
    milliseconds = raw.get("durationMs") or 0
    duration = {"secs": milliseconds // 1000, "nanos": milliseconds % 1000 * 1_000_000}
    return {
        **item,
        "stdout": output,
        "stderr": "",
        "aggregated_output": output,
        "exit_code": -1 if raw.get("exitCode") is None else raw["exitCode"],
        "duration": duration,
        "formatted_output": output,
    }


def _file_change(raw: Fields) -> Msg:
    item: Msg = {
        "type": "FileChange",
        "id": raw.get("id"),
        "changes": old_changes(raw.get("changes")),
    }
    if raw.get("status") == "inProgress":
        return item
    return {**item, "status": _snake(raw.get("status"))}


def old_changes(changes: object) -> Msg:
    """Return the changes of a patch by path, as the old server wrote them.

    Args:
        changes: The `changes` of a `fileChange` item.
    """
    entries = map(object_of, list_of(changes))
    return {str(change.get("path", "")): _change(change) for change in entries}


def _change(change: Fields) -> Msg:
    kind = object_of(change.get("kind"))
    diff = change.get("diff", "")
    if kind.get("type") == "update":
        return {"type": "update", "unified_diff": diff, "move_path": kind.get("move_path")}
    return {"type": kind.get("type"), "content": diff}


def _legacy(item: Msg, message: Msg, *, ended: bool) -> list[Msg]:
    """Return the older message that the old server sent beside an item's."""
    match item["type"], ended:
        case "UserMessage", True:
            return [_legacy_user_message(item)]
        case "AgentMessage", True:
            text = item["content"][0]["text"]
            old = {"type": "agent_message", "message": text, "phase": item.get("phase")}
            return [{**old, "memory_citation": None}]
        case "CommandExecution", _:
            return [_legacy_command(item, message, ended=ended)]
        case "FileChange", _:
            return [_legacy_patch(item, message, ended=ended)]
        case _:
            return []


def _legacy_user_message(item: Msg) -> Msg:
    texts = [part.get("text", "") for part in item["content"] if part.get("type") == "text"]
    lists: Msg = {
        name: [] for name in ("images", "local_images", "audio", "local_audio", "text_elements")
    }
    return {"type": "user_message", "message": "\n".join(texts), **lists}


def _legacy_command(item: Msg, message: Msg, *, ended: bool) -> Msg:
    moment = "completed_at_ms" if ended else "started_at_ms"
    fields = {key: value for key, value in item.items() if key not in {"type", "id", "status"}}
    old: Msg = {
        "type": "exec_command_end" if ended else "exec_command_begin",
        "call_id": item["id"],
        "turn_id": message["turn_id"],
        moment: message[moment],
        **fields,
    }
    return {**old, "status": item["status"]} if ended else old


def _legacy_patch(item: Msg, message: Msg, *, ended: bool) -> Msg:
    old = {"call_id": item["id"], "turn_id": message["turn_id"]}
    if not ended:
        return {
            "type": "patch_apply_begin",
            **old,
            "auto_approved": True,
            "changes": item["changes"],
        }
    status = item.get("status")
    outcome = {"success": status == "completed", "changes": item["changes"], "status": status}
    return {"type": "patch_apply_end", **old, "stdout": "", "stderr": "", **outcome}


def _task_started(event: Event) -> list[Msg]:
    turn = object_of(event.params.get("turn"))
    old = {"type": "task_started", "turn_id": event.turn_id, "started_at": turn.get("startedAt")}
    return [{**old, "collaboration_mode_kind": "default"}]


def _turn_ended(event: Event) -> list[Msg]:
    turn = object_of(event.params.get("turn"))
    times: Msg = {"completed_at": turn.get("completedAt"), "duration_ms": turn.get("durationMs")}
    if turn.get("status") == TurnStatus.COMPLETED:
        old = {"type": "task_complete", "turn_id": event.turn_id}
        last = {"last_agent_message": last_message_of(turn), "started_at": turn.get("startedAt")}
        return [{**old, **last, **times}]
    if turn.get("status") == TurnStatus.INTERRUPTED:
        return [
            {"type": "turn_aborted", "turn_id": event.turn_id, "reason": "interrupted", **times}
        ]
    # A failed turn ended with its `error` message.
    return []


def _message_delta(event: Event) -> list[Msg]:
    return [
        {
            "type": "agent_message_content_delta",
            "thread_id": event.thread_id,
            "turn_id": event.turn_id,
            "item_id": event.params.get("itemId"),
            "delta": event.params.get("delta", ""),
        }
    ]


def _output_delta(event: Event) -> list[Msg]:
    chunk = base64.b64encode(str(event.params.get("delta", "")).encode(errors="replace")).decode()
    old = {"type": "exec_command_output_delta", "call_id": event.params.get("itemId")}
    return [{**old, "stream": "stdout", "chunk": chunk}]


def _token_count(event: Event) -> list[Msg]:
    usage = object_of(event.params.get("tokenUsage"))
    info = {
        "total_token_usage": _snake_keys(usage.get("total")),
        "last_token_usage": _snake_keys(usage.get("last")),
        "model_context_window": usage.get("modelContextWindow"),
    }
    return [{"type": "token_count", "info": info, "rate_limits": None}]


def _error(event: Event) -> list[Msg]:
    error = object_of(event.params.get("error"))
    old: Msg = {
        "type": "stream_error" if event.params.get("willRetry") else "error",
        "message": error.get("message", ""),
        "codex_error_info": _snake_info(error.get("codexErrorInfo")),
    }
    if event.params.get("willRetry"):
        old["additional_details"] = error.get("additionalDetails")
    return [old]


def _warning(event: Event) -> list[Msg]:
    return [{"type": "warning", "message": event.params.get("message", "")}]


def _turn_diff(event: Event) -> list[Msg]:
    return [{"type": "turn_diff", "unified_diff": event.params.get("diff", "")}]


_SIMPLE: dict[str, Callable[[Event], list[Msg]]] = {
    "turn/started": _task_started,
    "turn/completed": _turn_ended,
    "turn/diff/updated": _turn_diff,
    "item/agentMessage/delta": _message_delta,
    "item/commandExecution/outputDelta": _output_delta,
    "thread/tokenUsage/updated": _token_count,
    "error": _error,
    "warning": _warning,
}

_ITEMS: dict[str, Callable[[Fields], Msg]] = {
    "userMessage": _user_message,
    "agentMessage": _agent_message,
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _file_change,
}


def _argv(command: str) -> list[str]:
    # App-server joins the words as a shell would quote them, so splitting gives them back.
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def old_action(action: object) -> Msg:
    """Return one of a command's `commandActions` as the old server's `parsed_cmd`."""
    renamed = {"command": "cmd"}
    return {renamed.get(key, _snake(key)): value for key, value in object_of(action).items()}


def _given(raw: Fields, name: str) -> Msg:
    value = raw.get(name)
    return {} if value is None else {_snake(name): value}


def _snake_info(info: object) -> object:
    if is_object(info):
        return {_snake(key): _snake_info(value) for key, value in info.items()}
    return _snake(info) if isinstance(info, str) else info


def _snake_keys(fields: object) -> Msg:
    return {_snake(key): value for key, value in object_of(fields).items()}


def _snake(name: object) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(name)).lower()
