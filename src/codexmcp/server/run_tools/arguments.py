"""The arguments of the run tools: checked against their definitions, and made into requests.

Owns the rule what a caller's policy leaves to its run tools. Looks at images and profiles on disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.run_settings import RunSettings
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.service import Order, Origin
from codexmcp.server import extras
from codexmcp.server.argument_check import ArgumentCheck
from codexmcp.server.arguments import ArgumentsError, CodexArguments, Extras
from codexmcp.server.policy import Policy, allows
from codexmcp.server.run_tools.definitions import run_tool_definitions
from codexmcp.settings import SANDBOX_MODES

YOLO = "yolo"
_FULL_ACCESS = "danger-full-access"
_BUILT_IN = {
    YOLO: _FULL_ACCESS,
    ":danger-full-access": _FULL_ACCESS,
    ":workspace": "workspace-write",
    ":read-only": "read-only",
    **{mode: mode for mode in SANDBOX_MODES},
}
"""Sandbox modes by the names that `permissions` may call them."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the run tools, and what holds for its runs.

    Attributes:
        home: The Codex home.
        base_dir: What a relative path is relative to; also where runs work by default.
        policy: What is fixed.
        settings: What its environment says about runs.
        env: What commands of its runs see.
        idle_timeout_s: Bound on Codex's silence, in seconds; None means none.
    """

    home: Path
    base_dir: Path
    policy: Policy = field(default_factory=Policy)
    settings: RunSettings = field(default_factory=RunSettings)
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    idle_timeout_s: float | None = None


def check(name: str, arguments: object) -> dict[str, Any]:
    """Return the arguments of a tool, checked against its definition.

    Raises:
        ArgumentsError: They do not fit.
    """
    return _check_of(name).checked(arguments)


def request_of(
    given: Mapping[str, Any], caller: Caller, origin: Origin | None = None, *, forks: bool = False
) -> RunRequest:
    """Return what a run shall do.

    Args:
        given: The checked arguments of `codex_run`, `codex_resume` or `codex_fork`.
        caller: Who calls.
        origin: The run that is resumed or forked; None for neither.
        forks: Whether it is forked.

    Raises:
        ArgumentsError: The policy forbids it, or a file it names cannot be used.
    """
    inherited = {} if origin is None or origin.request is None else dict(origin.request.thread)
    call = caller.policy.apply(
        _call(given, caller, origin, inherited), base_dir=str(caller.base_dir)
    )
    cwd = call.cwd or str(caller.base_dir)
    if not os.path.isdir(cwd):  # noqa: PTH112 - pathlib's own look fails on a path that is too long
        raise ArgumentsError(f"cwd `{cwd}` is no folder; create it or name another")
    if call.extras.output_schema is not None:
        extras.check_schema(call.extras.output_schema)
    images = extras.check_images(call.extras.images, base_dir=cwd, within=caller.policy.bound)
    profile = call.extras.profile
    settings = {} if profile is None else extras.read_profile(caller.home, profile)
    thread = ThreadOptions(
        model=call.model,
        sandbox=call.sandbox,
        permissions=_profile_of(given, inherited, caller),
        approval_policy=call.approval_policy,
        config={**_inherited_config(inherited, caller), **settings},
    )
    timeout_s = _seconds(given, "timeout_ms", caller.settings.timeout_s)
    return RunRequest(
        prompt=call.prompt,
        cwd=cwd,
        audit_dir=str(caller.settings.run_dir or default_audit_dir(Path(cwd))),
        name=given.get("run_name"),
        env=caller.env,
        thread=thread.to_wire(),
        denied=caller.policy.deny_read,
        effort=call.extras.effort,
        images=tuple(images),
        output_schema=call.extras.output_schema,
        timeout_s=timeout_s,
        idle_timeout_s=caller.idle_timeout_s,
        retries=given.get("retries", 0),
        continues=None if origin is None else origin.run_id,
        forks=origin.thread_id if origin is not None and forks else None,
        forks_after=origin.turn_id if origin is not None and forks else None,
    )


def _inherited_config(inherited: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    # Under a fixed policy another caller's settings could widen it.
    return {} if caller.policy.restricts else object_of(inherited.get("config"))


def order_of(given: Mapping[str, Any]) -> Order:
    """Return how a run is to be handed in."""
    return Order(
        priority=given.get("priority", 0),
        idempotency_key=given.get("idempotency_key"),
        delay_s=given.get("delay_ms", 0) / 1000,
    )


def check_run(run: Run, caller: Caller) -> None:
    """Refuse a run that a caller with a fixed policy could not have started.

    What steers, reads or answers it could otherwise widen the policy.

    Raises:
        ArgumentsError: It could not.
    """
    if not may_see(run, caller):
        raise _refused(run.id)


def check_same(run: Run, asked: RunRequest) -> None:
    """Refuse to take a run for what a call with the same idempotency key has asked for.

    Raises:
        ArgumentsError: It was given another prompt or folder.
    """
    if (run.request.prompt, run.request.cwd) != (asked.prompt, asked.cwd):
        what = "prompt" if run.request.prompt != asked.prompt else "folder"
        raise ArgumentsError(
            f"the idempotency_key is that of run {run.id}, which was given another {what}, so "
            "nothing was started: give new work a key of its own"
        )


def may_see(run: Run, caller: Caller) -> bool:
    """Return whether a run is within a caller's policy."""
    return _within(run.request, caller)


def _within(request: RunRequest, caller: Caller) -> bool:
    policy, thread = caller.policy, request.thread
    if not allows(policy, request.cwd) or policy.model not in {None, thread.get("model")}:
        return False
    if not _hides(request, policy) or not _has_own_settings(request, policy):
        return False
    by_freedom = SANDBOX_MODES.index
    sandbox = text_of(thread.get("sandbox"))
    if policy.sandbox is not None and (
        sandbox not in SANDBOX_MODES or by_freedom(sandbox) > by_freedom(policy.sandbox)
    ):
        return False
    approval = text_of(thread.get("approvalPolicy"))
    return policy.approval_policy in {None, "on-request", approval}


def _hides(request: RunRequest, policy: Policy) -> bool:
    """Return whether a run's commands can read nothing that the policy hides."""
    if not policy.deny_read:
        return True
    # Full access keeps nothing hidden; whoever has fixed it knows.
    keeps = request.thread.get("sandbox") != _FULL_ACCESS or policy.sandbox == _FULL_ACCESS
    return keeps and set(policy.deny_read) <= set(request.denied)


def _has_own_settings(request: RunRequest, policy: Policy) -> bool:
    """Return whether a run has no settings but those of the policy: others could widen it."""
    if not policy.restricts or policy.profile is not None:
        return True
    return not request.thread.get("config")


def check_origin(origin: Origin, caller: Caller) -> None:
    """Refuse to continue a run that worked where or as the caller may not: its thread tells all.

    Raises:
        ArgumentsError: It did.
    """
    if not allows(caller.policy, origin.cwd):
        raise ArgumentsError(
            f"run {origin.run_id} is refused: it worked in a folder outside of --cwd "
            f"{caller.policy.cwd}"
        )
    if origin.request is not None and not _within(origin.request, caller):
        raise _refused(origin.run_id)


def _refused(run_id: str) -> ArgumentsError:
    return ArgumentsError(
        f"run {run_id} is refused: this server was started with a fixed policy, and that run "
        "was started by somebody with another one; start one of your own with codex_run"
    )


def _call(
    given: Mapping[str, Any], caller: Caller, origin: Origin | None, inherited: Mapping[str, Any]
) -> CodexArguments:
    """Return the call as the policy knows it."""
    cwd = given.get("cwd") or (None if origin is None else origin.cwd)
    if origin is not None and caller.policy.cwd is not None and given.get("cwd") is None:
        cwd = None if origin.cwd == caller.policy.cwd else origin.cwd
    approval = given.get("approval_policy")
    if approval is None:
        # What was not asked for is cut to what is fixed instead of being refused.
        fixed = caller.policy.approval_policy
        approval = fixed or inherited.get("approvalPolicy") or "never"
    return CodexArguments(
        prompt=given["prompt"],
        model=given.get("model") or (None if caller.policy.model else inherited.get("model")),
        cwd=cwd,
        approval_policy=approval,
        sandbox=_sandbox(given, inherited, caller),
        extras=Extras(
            output_schema=given.get("output_schema"),
            images=tuple(given.get("images", ())),
            effort=given.get("effort"),
            profile=given.get("profile"),
        ),
    )


def _sandbox(given: Mapping[str, Any], inherited: Mapping[str, Any], caller: Caller) -> str | None:
    """Return the sandbox mode; None when a permissions profile takes its place."""
    asked = given.get("sandbox") or given.get("permissions")
    if asked is None:
        asked = inherited.get("sandbox") or inherited.get("permissions")
        asked = asked or caller.policy.sandbox or caller.settings.permissions
        if caller.policy.sandbox is not None and asked in _BUILT_IN:
            # A default is cut to what is fixed; only what was asked for is refused.
            return min(_BUILT_IN[asked], caller.policy.sandbox, key=SANDBOX_MODES.index)
    return _BUILT_IN.get(asked)


def _profile_of(
    given: Mapping[str, Any], inherited: Mapping[str, Any], caller: Caller
) -> str | None:
    """Return the permissions profile that was asked for by a name of the user's own."""
    if given.get("sandbox"):
        return None
    asked = given.get("permissions")
    if asked is None and not inherited.get("sandbox"):
        asked = inherited.get("permissions") or caller.settings.permissions
        asked = None if caller.policy.restricts else asked
    if asked is None or asked in _BUILT_IN:
        return None
    if caller.policy.restricts:
        raise ArgumentsError(
            f"permissions `{asked}` is refused: this server was started with a fixed policy, and a "
            "profile could widen it; leave it out, or name a sandbox mode"
        )
    return str(asked)


def _seconds(given: Mapping[str, Any], name: str, default: float | None) -> float | None:
    return default if name not in given else given[name] / 1000 or None


@cache
def _check_of(name: str) -> ArgumentCheck:
    schemas = {tool["name"]: tool["inputSchema"] for tool in run_tool_definitions()}
    return ArgumentCheck(name, schemas[name])
