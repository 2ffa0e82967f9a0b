"""What we send, and what we read of answers, by method.

`tests/conformance/test_contract.py` compares the tables with the code.
"""

from __future__ import annotations

from codexmcp.appserver.requests import ThreadOptions, TurnOptions

_THREAD_OPTIONS = tuple(
    sorted(
        ThreadOptions(
            model="m", cwd="/", approval_policy="never", base_instructions="b",
            developer_instructions="d", config={"a": 1}, permissions="p",
        ).to_wire().keys()
        | {"sandbox"}
    )
)  # fmt: skip
_TURN_OPTIONS = tuple(TurnOptions(effort="low", output_schema={}).to_wire())
_CLIENT = tuple(f"clientInfo.{name}" for name in ("name", "title", "version"))
_CAPABILITIES = ("capabilities.experimentalApi", "capabilities.optOutNotificationMethods[]")
_INPUT = ("input[].type", "input[].text", "input[].path")
_THREAD = ("threadId",)

SENDS: dict[str, tuple[str, ...]] = {
    "initialize": (*_CLIENT, *_CAPABILITIES),
    "config/read": ("includeLayers",),
    "mcpServerStatus/list": ("detail", "serverName"),
    "skills/list": ("cwds[]", "forceReload"),
    "thread/archive": _THREAD,
    "thread/backgroundTerminals/clean": _THREAD,
    "thread/delete": _THREAD,
    "thread/fork": ("threadId", "excludeTurns", "lastTurnId", *_THREAD_OPTIONS),
    "thread/goal/clear": _THREAD,
    "thread/goal/set": ("threadId", "tokenBudget"),
    "thread/read": ("threadId", "includeTurns"),
    "thread/resume": ("threadId", "excludeTurns", *_THREAD_OPTIONS),
    "thread/start": _THREAD_OPTIONS,
    "thread/unarchive": _THREAD,
    "thread/unsubscribe": _THREAD,
    "turn/interrupt": ("threadId", "turnId"),
    "turn/start": ("threadId", *_INPUT, *_TURN_OPTIONS),
    "turn/steer": ("threadId", "expectedTurnId", *_INPUT),
}
"""The fields of requests."""

_LOADED = (
    "activePermissionProfile.id",
    "activePermissionProfile.extends",
    "approvalPolicy",
    "approvalsReviewer",
    "cwd",
    "model",
    "modelProvider",
    "reasoningEffort",
    "thread.cliVersion",
    "thread.id",
    "thread.path",
    "thread.sessionId",
)
_SKILL = ("skills[].path", "skills[].description", "errors[].path", "errors[].message")

READS: dict[str, tuple[str, ...]] = {
    "initialize": ("codexHome", "userAgent"),
    "config/read": ("config",),
    "mcpServerStatus/list": (
        *(f"data[].{name}" for name in ("name", "serverInfo", "tools", "toolsError")),
    ),
    "skills/list": tuple(f"data[].{name}" for name in _SKILL),
    "thread/fork": _LOADED,
    "thread/goal/clear": ("cleared",),
    "thread/read": (
        *(f"thread.{name}" for name in ("cwd", "id", "modelProvider", "path", "status.type")),
        "thread.turns[].error.additionalDetails",
        "thread.turns[].error.codexErrorInfo",
        "thread.turns[].error.message",
        "thread.turns[].id",
        "thread.turns[].items[].type",
        "thread.turns[].startedAt",
        "thread.turns[].status",
    ),
    "thread/resume": _LOADED,
    "thread/start": _LOADED,
    "thread/unsubscribe": ("status",),
    "turn/start": ("turn.id",),
}
"""The fields of answers."""

ANSWERS: dict[str, tuple[str, ...]] = {
    "item/commandExecution/requestApproval": ("decision",),
    "item/fileChange/requestApproval": ("decision",),
    "item/permissions/requestApproval": ("permissions",),
    "item/tool/requestUserInput": ("answers.*.answers[]",),
    "mcpServer/elicitation/request": ("action", "content"),
}
"""The fields of our answers to Codex's questions."""

QUESTIONS: dict[str, tuple[str, ...]] = {"mcpServer/elicitation/request": ("elicitationId",)}
"""The fields of questions that no reader of `readers` is asked for."""

EVENTS: dict[str, tuple[str, ...]] = {
    "serverRequest/resolved": ("requestId", "threadId"),
    "thread/closed": ("threadId",),
    "thread/goal/cleared": ("threadId",),
    "thread/goal/updated": ("goal.status", "goal.tokenBudget", "threadId"),
    "thread/started": ("thread.id", "thread.parentThreadId"),
}
"""The fields of notifications that no reader of `readers` is asked for."""
