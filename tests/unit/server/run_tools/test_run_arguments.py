from __future__ import annotations

from typing import Any

import pytest

from codexmcp.policy.arguments import ArgumentsError
from codexmcp.runs.start_options import StartOptions
from codexmcp.server.run_tools.arguments import check, start_options


@pytest.mark.parametrize(
    ("name", "given", "fault"),
    [
        ("codex_run", {}, "'prompt' is a required property"),
        ("codex_run", {"prompt": ""}, "prompt: "),
        ("codex_run", {"prompt": "p", "colour": 1}, "unknown argument 'colour'"),
        ("codex_run", {"prompt": "p", "sandbox": "full"}, "sandbox: 'full' is not one of"),
        ("codex_run", {"prompt": "p", "timeout_ms": -1}, "timeout_ms: -1 is less than"),
        ("codex_run", {"prompt": "p", "async": "no"}, "async: 'no' is not of type 'boolean'"),
        ("codex_wait", {"run_ids": [1]}, "run_ids.0: 1 is not of type 'string'"),
        ("codex_runs", {"limit": 0}, "limit: 0 is less than"),
        ("codex_approve", {"approval_id": "a", "decision": "ok"}, "decision: 'ok' is not one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(name: str, given: object, fault: str) -> None:
    with pytest.raises(ArgumentsError, match=f"^{name}: ") as raised:
        check(name, given)
    assert fault in str(raised.value)


def test_an_order_has_seconds() -> None:
    given = {"prompt": "p", "delay_ms": 1500, "priority": 3, "idempotency_key": "k"}
    order = start_options(given).order
    assert (order.delay_s, order.priority, order.idempotency_key) == (1.5, 3, "k")


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": "half \ud800"},
        {"model": "\ud800"},
        {"timeout_ms": 10**400},
        {"delay_ms": 2**40},
        {"priority": -(2**63)},
    ],
)
def test_what_no_store_and_no_codex_can_take_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError, match=r"^codex_run: "):
        check("codex_run", {"prompt": "p", **given})


def test_goals_are_off_and_children_waited_for_unless_told_otherwise() -> None:
    options = start_options({"prompt": "do"})
    assert (options.goal_tokens, options.on_children) == (None, "wait")
    asked = {"prompt": "do", "goal": True, "goal_token_budget": 500, "on_children": "stop"}
    options = start_options(check("codex_run", asked))
    assert (options.goal_tokens, options.on_children) == (500, "stop")


@pytest.mark.parametrize("given", [{"goal": True}, {"goal_token_budget": 5}])
def test_a_goal_and_its_budget_belong_together(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError, match="belong together"):
        start_options({"prompt": "do", **given})


def test_every_argument_of_a_start_reaches_the_options() -> None:
    given = {
        "prompt": "do",
        "cwd": "/w",
        "run_name": "title",
        "sandbox": "read-only",
        "permissions": "mine",
        "approval_policy": "on-request",
        "model": "m",
        "effort": "high",
        "profile": "p",
        "images": ["a.png"],
        "output_schema": {"type": "object"},
        "timeout_ms": 1500,
        "retries": 2,
        "on_children": "stop",
        "goal": True,
        "goal_token_budget": 5,
    }
    options = start_options(check("codex_run", given))
    assert options == StartOptions(
        prompt="do",
        cwd="/w",
        name="title",
        sandbox="read-only",
        permissions="mine",
        approval_policy="on-request",
        model="m",
        effort="high",
        profile="p",
        images=("a.png",),
        output_schema={"type": "object"},
        timeout_s=1.5,
        retries=2,
        on_children="stop",
        goal_tokens=5,
    )
