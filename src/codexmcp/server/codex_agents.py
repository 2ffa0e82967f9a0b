"""Items of sub-agents in the removed server's form, with the accompanying older messages.

Pure. App-server omits the nicknames of Codex's agents.

Source: `codex mcp-server` and `codex app-server` of 0.153.4, side by side for the same turns.
"""

from __future__ import annotations

from collections.abc import Callable

from codexmcp.appserver.events import Fields
from codexmcp.jsonvalues import list_of, object_of
from codexmcp.server.codex_items import Msg, given, snake


def agent_item(raw: Fields) -> Msg | None:
    """Return an item of sub-agents in the removed server's form; None for other items.

    Args:
        raw: The item from app-server.
    """
    make = _ITEMS.get(str(raw.get("type")))
    return make(raw) if make is not None else None


def agent_messages(item: Msg, around: Msg, *, ended: bool) -> list[Msg]:
    """Return the removed server's older messages for an item.

    Args:
        item: The item, from `agent_item`.
        around: The enclosing `item_started` or `item_completed` message.
        ended: `around` is `item_completed`.
    """
    if item["type"] == "SubAgentActivity":
        return _active(item, around) if ended else []
    if item["type"] == "CollabAgentToolCall" and item["tool"] in _TOOLS:
        name, fields = _TOOLS[item["tool"]]
        kind = f"collab_{name}_{'end' if ended else 'begin'}"
        at = "completed_at_ms" if ended else "started_at_ms"
        old = {"type": kind, "call_id": item["id"], at: around[at]}
        return [{**old, "sender_thread_id": item["sender_thread_id"], **fields(item, ended)}]
    return []


def _activity(raw: Fields) -> Msg:
    return {
        "type": "SubAgentActivity",
        "id": raw.get("id"),
        "kind": raw.get("kind"),
        "agent_thread_id": raw.get("agentThreadId"),
        "agent_path": raw.get("agentPath"),
    }


def _tool_call(raw: Fields) -> Msg:
    threads = [str(thread) for thread in list_of(raw.get("receiverThreadIds"))]
    begins = raw.get("status") == "inProgress"
    # Source: at the beginning 0.153.4 names only the agents of these two tools.
    named = threads if not begins or raw.get("tool") in {"wait", "resumeAgent"} else []
    states = object_of(raw.get("agentsStates"))
    return {
        "type": "CollabAgentToolCall",
        "id": raw.get("id"),
        "tool": snake(raw.get("tool")),
        "status": snake(raw.get("status")),
        "sender_thread_id": raw.get("senderThreadId"),
        "receiver_thread_ids": threads,
        "receiver_agents": [{"thread_id": thread} for thread in named],
        **given(raw, "prompt"),
        **given(raw, "model"),
        **given(raw, "reasoningEffort"),
        "agents_states": {thread: _state(state) for thread, state in states.items()},
    }


def _state(state: object) -> object:
    fields = object_of(state)
    name = snake(fields.get("status"))
    return {name: fields.get("message")} if name in {"completed", "errored"} else name


def _active(item: Msg, around: Msg) -> list[Msg]:
    old = {"type": "sub_agent_activity", "event_id": item["id"]}
    names = ("agent_thread_id", "agent_path", "kind")
    at = {"occurred_at_ms": around["completed_at_ms"]}
    return [{**old, **at, **{name: item[name] for name in names}}]


def _spawn(item: Msg, ended: bool) -> Msg:  # noqa: FBT001 - called by position only
    asked = {name: item.get(name) for name in ("prompt", "model", "reasoning_effort")}
    if not ended:
        return asked
    thread = _first(item["receiver_thread_ids"])
    return {"new_thread_id": thread, **asked, "status": item["agents_states"].get(thread)}


def _interaction(item: Msg, ended: bool) -> Msg:  # noqa: FBT001 - as in `_spawn`
    return {**_one(item, ended), "prompt": item.get("prompt")}


def _one(item: Msg, ended: bool) -> Msg:  # noqa: FBT001 - as in `_spawn`
    thread = _first(item["receiver_thread_ids"])
    status = {"status": item["agents_states"].get(thread)} if ended else {}
    return {"receiver_thread_id": thread, **status}


def _waiting(item: Msg, ended: bool) -> Msg:  # noqa: FBT001 - as in `_spawn`
    states: Msg = item["agents_states"]
    if ended:
        told = [{"thread_id": thread, "status": state} for thread, state in states.items()]
        return {**({"agent_statuses": told} if told else {}), "statuses": states}
    agents = {"receiver_agents": item["receiver_agents"]} if item["receiver_agents"] else {}
    return {"receiver_thread_ids": item["receiver_thread_ids"], **agents}


def _first(threads: list[str]) -> str | None:
    return threads[0] if threads else None


_ITEMS: dict[str, Callable[[Fields], Msg]] = {
    "subAgentActivity": _activity,
    "collabAgentToolCall": _tool_call,
}

ITEM_TYPES = frozenset(_ITEMS)
"""The item types of app-server with a translation in this module."""

_TOOLS: dict[str, tuple[str, Callable[[Msg, bool], Msg]]] = {
    "spawn_agent": ("agent_spawn", _spawn),
    "send_input": ("agent_interaction", _interaction),
    "wait": ("waiting", _waiting),
    "close_agent": ("close", _one),
    "resume_agent": ("resume", _one),
}
