"""Items of turns as Codex 0.163.0 sent them, shortened."""

from __future__ import annotations

from typing import Any

from codexmcp.appserver.events import Event, parse_event

WEB_SEARCH = {
    "type": "webSearch",
    "id": "item_51_0",
    "query": "weather",
    "action": {"type": "search", "query": "weather", "queries": None},
    "results": None,
}
OPENED_PAGE = {
    "type": "webSearch",
    "id": "item_51_1",
    "query": "http://x/",
    "action": {"type": "openPage", "url": "http://x/"},
}
IMAGE_VIEW = {"type": "imageView", "id": "exec-da73", "path": "/w/i.png"}
MCP_CALL = {
    "type": "mcpToolCall",
    "id": "m",
    "server": "docs",
    "tool": "search",
    "status": "failed",
}
DYNAMIC_CALL = {
    "type": "dynamicToolCall",
    "id": "exec-d",
    "namespace": "desk",
    "tool": "ask",
    "status": "completed",
    "success": True,
}
AGENT_STARTED = {
    "type": "subAgentActivity",
    "id": "call_3_0",
    "model": "gpt-6.1-sol",
    "kind": "started",
    "agentThreadId": "01a22ea5-dd6c-7253-9c75-ab2d68c96a3d",
    "agentPath": "/root/a",
}
AGENT_WAIT: dict[str, Any] = {
    "type": "collabAgentToolCall",
    "id": "call_5_0",
    "tool": "wait",
    "status": "completed",
    "receiverThreadIds": [],
    "prompt": None,
    "agentsStates": {},
}
SLEEP = {"type": "sleep", "id": "s", "durationMs": 90_000}
COMPACTION = {"type": "contextCompaction", "id": "01a22ea7-8d86-73a2-8fd2-03b3e3f3633b"}
UNKNOWN = {"type": "hologram", "id": "h", "title": "a cube"}
MOVE = {
    "type": "fileChange",
    "id": "exec-396d",
    "status": "completed",
    "changes": [
        {
            "path": "/w/kept.txt",
            "kind": {"type": "update", "move_path": "/w/moved.txt"},
            "diff": "@@ -1 +1 @@\n-k\n+K\n\n\nMoved to: /w/moved.txt",
        }
    ],
}
COMMAND = {
    "type": "commandExecution",
    "id": "exec-b2d0",
    "command": "/bin/bash -lc 'exit 7'",
    "status": "failed",
    "exitCode": 7,
    "aggregatedOutput": None,
    "durationMs": 12,
}


def started(item: dict[str, Any], thread_id: str = "t") -> Event:
    return parse_event("item/started", {"threadId": thread_id, "turnId": "u", "item": item})


def completed(item: dict[str, Any], thread_id: str = "t") -> Event:
    return parse_event("item/completed", {"threadId": thread_id, "turnId": "u", "item": item})


def message(text: str, phase: str | None = None) -> dict[str, Any]:
    return {"type": "agentMessage", "id": "m", "text": text, "phase": phase}
