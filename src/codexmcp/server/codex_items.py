"""Items of app-server in the removed server's form, with the accompanying older messages.

Pure. Left out or empty, because app-server omits them: output of a patch, and a command's output
as truncated for the model.

Source: `codex mcp-server` 0.153.4 and `codex app-server` 0.163.0, side by side for the same turns.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from codexmcp.appserver.events import Fields
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of, without_nulls

Msg = dict[str, Any]
"""The `msg` of one `codex/event`, or a part of one."""


def old_item(raw: Fields) -> Msg | None:
    """Return an item in the removed server's form; None for an item unknown to the removed server.

    Args:
        raw: The item from app-server.
    """
    make = _ITEMS.get(str(raw.get("type")))
    return make(raw) if make is not None else None


def old_messages(item: Msg, around: Msg, *, ended: bool) -> list[Msg]:
    """Return the removed server's older messages for an item.

    Args:
        item: The item, from `old_item`.
        around: The enclosing `item_started` or `item_completed` message.
        ended: `around` is `item_completed`.
    """
    make = (_ENDS if ended else _BEGINNINGS).get(item["type"])
    return make(item, around) if make is not None else []


def old_changes(changes: object) -> Msg:
    """Return the changes of a patch by path, in the removed server's form.

    Args:
        changes: The `changes` of a `fileChange` item.
    """
    entries = map(object_of, list_of(changes))
    return {str(change.get("path", "")): _change(change) for change in entries}


def old_action(action: object, cwd: str) -> Msg:
    """Return one of a command's `commandActions` as the removed server's `parsed_cmd`.

    Args:
        action: The action.
        cwd: The command's working directory. App-server makes relative paths absolute; the
            removed server kept the command's path.
    """
    fields = object_of(action)
    old: Msg = {_ACTION_NAMES.get(key, snake(key)): value for key, value in fields.items()}
    if "type" in old:
        old["type"] = snake(old["type"])
    path = text_of(old.get("path"))
    if path is not None and path not in str(old.get("cmd")):
        old["path"] = path.removeprefix(f"{cwd.rstrip('/')}/")
    return old


def words_of(command: str) -> list[str]:
    """Return the words of a command.

    App-server joins words with shell quoting, so shell splitting restores the words.
    """
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def snake(name: object) -> str:
    """Return a camel case name in the removed server's spelling."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(name)).lower()


def snake_names(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value with all names in snake case, including a name as the value itself."""
    if is_object(value):
        return {snake(key): snake_names(part) for key, part in value.items()}
    return snake(value) if isinstance(value, str) else value


def given(raw: Fields, name: str) -> Msg:
    """Return one field under its old name; empty for a null or missing field."""
    value = raw.get(name)
    return {} if value is None else {snake(name): value}


def _file_url(path: str) -> str:
    # Source: 0.153.4's form of a path with every ASCII character.
    return "file://" + quote(path, safe="/!$&'()*+,:;=@[]^|", errors="replace")


def _user_message(raw: Fields) -> Msg:
    return {"type": "UserMessage", "id": raw.get("id"), "content": raw.get("content", [])}


def _agent_message(raw: Fields) -> Msg:
    content = [{"type": "Text", "text": raw.get("text", "")}]
    item: Msg = {"type": "AgentMessage", "id": raw.get("id"), "content": content}
    for name in ("phase", "delivery", "questions"):
        item |= given(raw, name)
    return item


def _reasoning(raw: Fields) -> Msg:
    return {
        "type": "Reasoning",
        "id": raw.get("id"),
        "summary_text": raw.get("summary") or [],
        "raw_content": raw.get("content") or [],
    }


def _command(raw: Fields) -> Msg:
    cwd = str(raw.get("cwd", ""))
    item: Msg = {
        "type": "CommandExecution",
        "id": raw.get("id"),
        **given(raw, "processId"),
        "command": words_of(str(raw.get("command", ""))),
        "cwd": _file_url(cwd),
        "parsed_cmd": [old_action(action, cwd) for action in list_of(raw.get("commandActions"))],
        "source": snake(raw.get("source")),
        "status": snake(raw.get("status")),
    }
    if raw.get("status") == "inProgress":
        return item
    output = raw.get("aggregatedOutput") or ""
    return {
        **item,
        "stdout": output,
        "stderr": "",
        "aggregated_output": output,
        "exit_code": -1 if raw.get("exitCode") is None else raw["exitCode"],
        "duration": _duration(raw),
        "formatted_output": output,
    }


def _duration(raw: Fields) -> Msg:
    milliseconds = integer_of(raw.get("durationMs")) or 0
    return {"secs": milliseconds // 1000, "nanos": milliseconds % 1000 * 1_000_000}


def _file_change(raw: Fields) -> Msg:
    changes = old_changes(raw.get("changes"))
    item: Msg = {"type": "FileChange", "id": raw.get("id"), "changes": changes}
    if raw.get("status") == "inProgress":
        return {**item, "auto_approved": True}
    return {**item, "status": snake(raw.get("status")), "stdout": "", "stderr": ""}


def _mcp_tool_call(raw: Fields) -> Msg:
    # The removed server left the status of this item in camel case.
    names = ("server", "tool", "arguments", "status")
    item: Msg = {"type": "McpToolCall", "id": raw.get("id"), **{n: raw.get(n) for n in names}}
    if raw.get("status") == "inProgress":
        return item
    results = {name: raw.get(name) for name in ("result", "error")}
    told = {name: without_nulls(value) for name, value in results.items() if is_object(value)}
    if "result" in told and raw.get("status") == "failed":
        # App-server omits the flag: a call that failed without a result broke.
        told["result"]["isError"] = True
    return {**item, **told, "duration": _duration(raw)}


def _web_search(raw: Fields) -> Msg:
    action = without_nulls(object_of(raw.get("action")))
    item: Msg = {"type": "WebSearch", "id": raw.get("id"), "query": raw.get("query", "")}
    return {**item, "action": {**action, "type": snake(action.get("type", "other"))}}


def _image_view(raw: Fields) -> Msg:
    path = _file_url(str(raw.get("path", "")))
    return {"type": "ImageView", "id": raw.get("id"), "path": path}


def _sleep(raw: Fields) -> Msg:
    item: Msg = {"type": "Extension", "kind": "clock.sleep", "id": raw.get("id")}
    return {**item, "durationMs": raw.get("durationMs")}


def _hook_prompt(raw: Fields) -> Msg:
    return {"type": "HookPrompt", "id": raw.get("id"), "fragments": raw.get("fragments", [])}


def _compaction(raw: Fields) -> Msg:
    return {"type": "ContextCompaction", "id": raw.get("id")}


def _change(change: Fields) -> Msg:
    kind = object_of(change.get("kind"))
    diff = str(change.get("diff", ""))
    if kind.get("type") != "update":
        return {"type": kind.get("type"), "content": diff}
    target = kind.get("move_path")
    # App-server also reports a move inside the diff.
    diff = diff.removesuffix(f"\n\nMoved to: {target}")
    return {"type": "update", "unified_diff": diff, "move_path": target}


def _user_said(item: Msg, _around: Msg) -> list[Msg]:
    texts = [part.get("text", "") for part in item["content"] if part.get("type") == "text"]
    lists: Msg = {
        name: [] for name in ("images", "local_images", "audio", "local_audio", "text_elements")
    }
    return [{"type": "user_message", "message": "\n".join(texts), **lists}]


def _agent_said(item: Msg, _around: Msg) -> list[Msg]:
    text = item["content"][0]["text"]
    old: Msg = {"type": "agent_message", "message": text, "phase": item.get("phase")}
    asked: Msg = {name: item[name] for name in ("delivery", "questions") if name in item}
    return [{**old, "memory_citation": None, **asked}]


def _thought(item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "agent_reasoning", "text": text} for text in item["summary_text"]]


def _compacted(_item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "context_compacted"}]


def _command_begun(item: Msg, around: Msg) -> list[Msg]:
    old = _beside("exec_command_begin", item, around)
    return [{**old, "started_at_ms": around["started_at_ms"], **_fields_of(item, "status")}]


def _command_ended(item: Msg, around: Msg) -> list[Msg]:
    old = _beside("exec_command_end", item, around)
    return [{**old, "completed_at_ms": around["completed_at_ms"], **_fields_of(item)}]


def _patch_begun(item: Msg, around: Msg) -> list[Msg]:
    return [{**_beside("patch_apply_begin", item, around), **_fields_of(item)}]


def _patch_ended(item: Msg, around: Msg) -> list[Msg]:
    old = _beside("patch_apply_end", item, around)
    return [{**old, **_fields_of(item), "success": item["status"] == "completed"}]


def _mcp_tool_begun(item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "mcp_tool_call_begin", **_invocation(item)}]


def _mcp_tool_ended(item: Msg, _around: Msg) -> list[Msg]:
    fault = object_of(item.get("error")).get("message")
    result = {"Ok": item["result"]} if "result" in item else {"Err": fault or ""}
    old = {"type": "mcp_tool_call_end", **_invocation(item), "duration": item["duration"]}
    return [{**old, "result": result}]


def _web_search_begun(item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "web_search_begin", "call_id": item["id"]}]


def _web_search_ended(item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "web_search_end", "call_id": item["id"], **_fields_of(item)}]


def _image_viewed(item: Msg, _around: Msg) -> list[Msg]:
    return [{"type": "view_image_tool_call", "call_id": item["id"], "path": item["path"]}]


def _invocation(item: Msg) -> Msg:
    names = ("server", "tool", "arguments")
    return {"call_id": item["id"], "invocation": {name: item[name] for name in names}}


def _beside(kind: str, item: Msg, around: Msg) -> Msg:
    return {"type": kind, "call_id": item["id"], "turn_id": around["turn_id"]}


def _fields_of(item: Msg, *without: str) -> Msg:
    return {name: value for name, value in item.items() if name not in {"type", "id", *without}}


_ACTION_NAMES = {"command": "cmd"}

_ITEMS: dict[str, Callable[[Fields], Msg]] = {
    "userMessage": _user_message,
    "agentMessage": _agent_message,
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _file_change,
    "mcpToolCall": _mcp_tool_call,
    "contextCompaction": _compaction,
    "webSearch": _web_search,
    "imageView": _image_view,
    "sleep": _sleep,
    "hookPrompt": _hook_prompt,
}

ITEM_TYPES = frozenset(_ITEMS)
"""The item types of app-server with a translation in this module."""

_BEGINNINGS: dict[str, Callable[[Msg, Msg], list[Msg]]] = {
    "CommandExecution": _command_begun,
    "FileChange": _patch_begun,
    "McpToolCall": _mcp_tool_begun,
    "WebSearch": _web_search_begun,
}

_ENDS: dict[str, Callable[[Msg, Msg], list[Msg]]] = {
    "UserMessage": _user_said,
    "AgentMessage": _agent_said,
    "Reasoning": _thought,
    "CommandExecution": _command_ended,
    "FileChange": _patch_ended,
    "McpToolCall": _mcp_tool_ended,
    "WebSearch": _web_search_ended,
    "ImageView": _image_viewed,
    "ContextCompaction": _compacted,
}
