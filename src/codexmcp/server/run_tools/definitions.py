"""The definitions of the run tools.

Pure. These texts fill the context of every connected agent, so the texts are short.

Source: names, arguments and defaults of the first six are from Codex MCP Sidecar.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from codexmcp.mcp_tools import READS, Hints, Schema, changes, definition
from codexmcp.policy.arguments import APPROVAL_POLICIES
from codexmcp.server.run_tools import answer_schemas as answers
from codexmcp.settings import SANDBOX_MODES

RUN = "codex_run"
RESUME = "codex_resume"
FORK = "codex_fork"
WAIT = "codex_wait"
ACTIVE_RUNS = "codex_active_runs"
RUNS = "codex_runs"
CHECK = "codex_wrapper_check"
INTERRUPT = "codex_interrupt"
STEER = "codex_steer"
APPROVALS = "codex_approvals"
APPROVE = "codex_approve"
RESULT = "codex_result"

MAX_LIMIT = 100
MAX_WAITED_FOR = 100
MAX_LENGTHS = {"prompt": 1024 * 1024}
"""Characters of texts other than names and paths. Source: app-server refuses a longer prompt
(0.163.0)."""

MAX_NUMBER = 2**31 - 1
"""In milliseconds 24 days: safe for every store and clock."""

DECISIONS = ("accept", "accept_for_session", "decline", "cancel")

# Commands of Codex may change anything within their sandbox, and the model is a service elsewhere.
_WORKS = changes(destructive=True, idempotent=False, open_world=True)
_STOPS = changes(destructive=True, idempotent=True, open_world=False)
_ALLOWS = changes(destructive=True, idempotent=True, open_world=True)

_FOR_CLIENTS: Mapping[str, tuple[str, Schema, Hints]] = {
    RUN: ("Start a run", answers.STARTED, _WORKS),
    RESUME: ("Resume a run", answers.STARTED, _WORKS),
    FORK: ("Fork a run", answers.STARTED, _WORKS),
    WAIT: ("Wait for runs", answers.WAITED, READS),
    RESULT: ("Read a final message", answers.RESULT, READS),
    ACTIVE_RUNS: ("List active runs", answers.ACTIVE_RUNS, READS),
    RUNS: ("List runs", answers.RUNS, READS),
    INTERRUPT: ("Interrupt a run", answers.ACTED, _STOPS),
    STEER: ("Steer a run", answers.ACTED, _WORKS),
    APPROVALS: ("List questions", answers.APPROVALS, READS),
    APPROVE: ("Answer a question", answers.approved(DECISIONS), _ALLOWS),
    CHECK: ("Check the setup", answers.CHECK, READS),
}
"""Title, schema of the answers, and annotations."""


def _text(description: str = "", **more: Any) -> Schema:  # noqa: ANN401 - any keyword of JSON Schema
    return _field("string", description, **more)


def _number(description: str = "", *, minimum: int = 0) -> Schema:
    return _field("integer", description, minimum=minimum, maximum=MAX_NUMBER)


def _field(kind: str, description: str, **more: Any) -> Schema:  # noqa: ANN401 - as above
    field: Schema = {"type": kind, **more}
    return field | {"description": description} if description else field


_RUN_ID = _text(minLength=1)
_PROMPT = _text(minLength=1)

_WORK: Schema = {
    "run_name": _text("Readable title."),
    "approval_policy": _text(
        "`on-request` asks (codex_approvals). Default `never`.",
        enum=list(APPROVAL_POLICIES),
    ),
    "sandbox": _text("Overrides permissions.", enum=list(SANDBOX_MODES)),
    "permissions": _text("Sandbox mode, permissions profile, or `yolo` for full access."),
    "model": _text(),
    "effort": _text("Such as `high`."),
    "images": {"type": "array", "items": {"type": "string"}, "description": "Paths."},
    "output_schema": _field("object", "JSON Schema of the final message."),
    "timeout_ms": _number("0 for no bound."),
    "async": _field("boolean", "false waits for the end."),
    "wait_ms": _number("Wait this long for the result."),
}

_START: Schema = {
    **_WORK,
    "profile": _text("Profile of the Codex home."),
    "priority": _field("integer", "Higher starts first.", minimum=-MAX_NUMBER, maximum=MAX_NUMBER),
    "delay_ms": _number("Start no sooner."),
    "retries": _number("How often to continue by itself after a crash."),
    "idempotency_key": _text("A repeated call with it gets the same run."),
    "on_children": _text(
        "Sub-agents still at work at the end. Default wait.", enum=["wait", "stop"]
    ),
    "goal": _field("boolean", "Allow a goal; needs goal_token_budget."),
    "goal_token_budget": _number(minimum=1),
}

_CWD = _text("Project folder.")


@cache
def run_tool_definitions() -> list[Schema]:
    """Return the tools for `tools/list`."""
    return [*_starting(), *_waiting(), *_acting()]


def _starting() -> list[Schema]:
    return [
        _tool(
            RUN,
            "Start Codex on a task in the background. Returns a run handle at once; then call "
            "codex_wait.",
            {"prompt": _PROMPT, "cwd": _CWD, **_START},
            ["prompt"],
        ),
        _tool(
            RESUME,
            "Give a finished run a further prompt, in the same conversation. Returns a new run.",
            {"run_id": _RUN_ID, "prompt": _PROMPT, "cwd": _CWD, **_WORK},
            ["run_id", "prompt"],
        ),
        _tool(
            FORK,
            "As codex_resume, on a copy of the conversation. Also of a run that still works.",
            {"run_id": _RUN_ID, "prompt": _PROMPT, "cwd": _CWD, **_WORK},
            ["run_id", "prompt"],
        ),
    ]


def _waiting() -> list[Schema]:
    return [
        _tool(
            WAIT,
            "Wait for runs. `still_running` means: call again. Work goes on in any case.",
            {
                "run_id": _RUN_ID,
                "run_ids": {"type": "array", "items": _RUN_ID, "maxItems": MAX_WAITED_FOR},
                "mode": _text("For several runs. Default all.", enum=["any", "all"]),
                "soft_timeout_ms": _number("Longest wait of this call; 0 waits to the end."),
                "timeout_ms": _number("A further bound on the wait."),
            },
            [],
        ),
        _tool(
            RESULT,
            "The whole final message of a run, in pages.",
            {"run_id": _RUN_ID, "page": _number("From 1.", minimum=1)},
            ["run_id"],
        ),
        _tool(ACTIVE_RUNS, "List runs under way.", {"cwd": _CWD}, []),
        _tool(
            RUNS,
            "List runs, newest first.",
            {
                "cwd": _CWD,
                "limit": _field("integer", "", minimum=1, maximum=MAX_LIMIT),
                "cursor": _text("nextCursor of the last answer."),
            },
            [],
        ),
    ]


def _acting() -> list[Schema]:
    return [
        _tool(INTERRUPT, "Stop a run; it can be resumed.", {"run_id": _RUN_ID}, ["run_id"]),
        _tool(
            STEER,
            "Add input to a run while it works.",
            {"run_id": _RUN_ID, "prompt": _PROMPT},
            ["run_id", "prompt"],
        ),
        _tool(APPROVALS, "List questions of runs that wait.", {"run_id": _RUN_ID}, []),
        _tool(
            APPROVE,
            "Answer a question. accept lets that command out of the sandbox.",
            {
                "approval_id": _text(minLength=1),
                "decision": _text(enum=list(DECISIONS)),
                "content": _field("object", "Fits its requestedSchema."),
            },
            ["approval_id", "decision"],
        ),
        _tool(CHECK, "Check that Codex and the records of runs can be used.", {}, []),
    ]


def _tool(name: str, description: str, properties: Schema, required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    title, answer, hints = _FOR_CLIENTS[name]
    return definition(name, title, description, arguments=schema, answer=answer, hints=hints)
