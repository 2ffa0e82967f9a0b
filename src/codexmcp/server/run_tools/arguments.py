"""The arguments of the run tools: validation by the definitions, and mapping to options. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from codexmcp.policy.argument_check import ArgumentCheck
from codexmcp.policy.arguments import ArgumentsError
from codexmcp.runs.start_options import Order, StartOptions
from codexmcp.server.run_tools.definitions import MAX_LENGTHS, run_tool_definitions


def check(name: str, arguments: object, *, called: str = "") -> dict[str, Any]:
    """Return the arguments of a tool, checked against its definition.

    Args:
        name: The tool.
        arguments: The decoded arguments.
        called: Name of the call in errors; empty for the tool's name.

    Raises:
        ArgumentsError: The arguments do not fit.
    """
    return _check_of(name, called or name).checked(arguments)


def start_options(given: Mapping[str, Any]) -> StartOptions:
    """Return the options of a run.

    Args:
        given: The checked arguments of `codex_run`, `codex_resume` or `codex_fork`.

    Raises:
        ArgumentsError: `goal` and `goal_token_budget` do not match.
    """
    return StartOptions(
        prompt=given["prompt"],
        cwd=given.get("cwd"),
        name=given.get("run_name"),
        sandbox=given.get("sandbox"),
        permissions=given.get("permissions"),
        approval_policy=given.get("approval_policy"),
        model=given.get("model"),
        effort=given.get("effort"),
        profile=given.get("profile"),
        images=tuple(given.get("images", ())),
        output_schema=given.get("output_schema"),
        timeout_s=given["timeout_ms"] / 1000 if "timeout_ms" in given else None,
        retries=given.get("retries", 0),
        on_children=given.get("on_children", "wait"),
        goal_tokens=_goal_tokens(given),
        order=Order(
            priority=given.get("priority", 0),
            idempotency_key=given.get("idempotency_key"),
            delay_s=given.get("delay_ms", 0) / 1000,
        ),
    )


def _goal_tokens(given: Mapping[str, Any]) -> int | None:
    """Return the token budget of a goal; None with goals off.

    Raises:
        ArgumentsError: Only one of the two arguments is given.
    """
    budget: int | None = given.get("goal_token_budget")
    if given.get("goal", False) != (budget is not None):
        raise ArgumentsError(
            "goal and goal_token_budget belong together: Codex works on a goal by itself until it "
            "is done, so that `goal: true` needs a budget"
        )
    return budget


@cache
def _check_of(name: str, called: str) -> ArgumentCheck:
    schemas = {tool["name"]: tool["inputSchema"] for tool in run_tool_definitions()}
    return ArgumentCheck(called, schemas[name], MAX_LENGTHS)
