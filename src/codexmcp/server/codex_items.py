"""Items of app-server as those of the removed server, with the older messages beside them.

Pure. What app-server does not tell is left out or empty: what a patch printed, and a command's
output as it was cut for the model.

Source: `codex mcp-server` 0.153.4 and `codex app-server` 0.163.0, side by side for the same turns.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

from codexmcp.appserver.events import Fields
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of, without_nulls

Msg = dict[str, Any]
"""The `msg` of one `codex/event`, or a part of one."""


def old_item(raw: Fields) -> Msg | None:
    """Return an item as the old server wrote it; None for one that it did not have.

    Args:
        raw: The item as app-server tells it.
    """
    make = _ITEMS.get(str(raw.get("type")))
    return make(raw) if make is not None else None


def old_messages(item: Msg, around: Msg, *, ended: bool) -> list[Msg]:
    """Return the older messages that the old server sent beside an item's.

    Args:
        item: The item, as `old_item` makes it.
        around: The `item_started` or `item_completed` message that holds it.
        ended: Whether it is the latter.
    """
    make = (_ENDS if ended else _BEGINNINGS).get(item["type"])
    return make(item, around) if make is not None else []


def old_changes(changes: object) -> Msg:
    """Return the changes of a patch by path, as the old server wrote them.

    Args:
        changes: The `changes` of a `fileChange` item.
    """
    entries = map(object_of, list_of(changes))
    return {str(change.get("path", "")): _change(change) for change in entries}


def old_action(action: object, cwd: str) -> Msg:
    """Return one of a command's `commandActions` as the old server's `parsed_cmd`.

    Args:
        action: The action.
        cwd: The command's working directory. App-server makes a path that is relative to it
            absolute, and the old server left it as the command has it.
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

    App-server joins them as a shell would quote them, so splitting gives them back.
    """
    try:
        return shlex.split(command)
    except ValueError:
        return [command]


def snake(name: object) -> str:
    """Return a name in camel case as the old server spelled it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(name)).lower()


def snake_names(value: object) -> Any:  # noqa: ANN401 - a JSON value
    """Return a value with every name in it, and the value itself if it is one, in snake case."""
    if is_object(value):
        return {snake(key): snake_names(part) for key, part in value.items()}
    return snake(value) if isinstance(value, str) else value


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
    cwd = str(raw.get("cwd", ""))
    item: Msg = {
        "type": "CommandExecution",
        "id": raw.get("id"),
        **_given(raw, "processId"),
        "command": words_of(str(raw.get("command", ""))),
        "cwd": f"file://{cwd}",
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
    # Its status is the one that the old server left in camel case.
    names = ("server", "tool", "arguments", "status")
    item: Msg = {"type": "McpToolCall", "id": raw.get("id"), **{n: raw.get(n) for n in names}}
    if raw.get("status") == "inProgress":
        return item
    results = {name: raw.get(name) for name in ("result", "error")}
    told = {name: without_nulls(value) for name, value in results.items() if is_object(value)}
    if "result" in told and raw.get("status") == "failed":
        # App-server leaves it out: a call that failed without a result broke.
        told["result"]["isError"] = True
    return {**item, **told, "duration": _duration(raw)}


def _compaction(raw: Fields) -> Msg:
    return {"type": "ContextCompaction", "id": raw.get("id")}


def _change(change: Fields) -> Msg:
    kind = object_of(change.get("kind"))
    diff = str(change.get("diff", ""))
    if kind.get("type") != "update":
        return {"type": kind.get("type"), "content": diff}
    target = kind.get("move_path")
    # App-server tells a move in the diff as well.
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
    old = {"type": "agent_message", "message": text, "phase": item.get("phase")}
    return [{**old, "memory_citation": None}]


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


def _invocation(item: Msg) -> Msg:
    names = ("server", "tool", "arguments")
    return {"call_id": item["id"], "invocation": {name: item[name] for name in names}}


def _beside(kind: str, item: Msg, around: Msg) -> Msg:
    return {"type": kind, "call_id": item["id"], "turn_id": around["turn_id"]}


def _fields_of(item: Msg, *without: str) -> Msg:
    return {name: value for name, value in item.items() if name not in {"type", "id", *without}}


def _given(raw: Fields, name: str) -> Msg:
    value = raw.get(name)
    return {} if value is None else {snake(name): value}


_ACTION_NAMES = {"command": "cmd"}

_ITEMS: dict[str, Callable[[Fields], Msg]] = {
    "userMessage": _user_message,
    "agentMessage": _agent_message,
    "reasoning": _reasoning,
    "commandExecution": _command,
    "fileChange": _file_change,
    "mcpToolCall": _mcp_tool_call,
    "contextCompaction": _compaction,
}

_BEGINNINGS: dict[str, Callable[[Msg, Msg], list[Msg]]] = {
    "CommandExecution": _command_begun,
    "FileChange": _patch_begun,
    "McpToolCall": _mcp_tool_begun,
}

_ENDS: dict[str, Callable[[Msg, Msg], list[Msg]]] = {
    "UserMessage": _user_said,
    "AgentMessage": _agent_said,
    "Reasoning": _thought,
    "CommandExecution": _command_ended,
    "FileChange": _patch_ended,
    "McpToolCall": _mcp_tool_ended,
    "ContextCompaction": _compacted,
}
