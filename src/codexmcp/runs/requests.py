"""The request of a run, from its caller's options within the caller's policy.

Reads images and profiles from disk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.data_classes import replace
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.policy import extras
from codexmcp.policy.arguments import ArgumentsError, CodexArguments, Extras
from codexmcp.policy.caller import Caller
from codexmcp.policy.policy import Defaults
from codexmcp.policy.thread_options import asked_options
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.run import Origin, RunRequest
from codexmcp.runs.start_options import StartOptions
from codexmcp.settings import SANDBOX_MODES

YOLO = "yolo"
FULL_ACCESS = "danger-full-access"
_BUILT_IN = {
    YOLO: FULL_ACCESS,
    ":danger-full-access": FULL_ACCESS,
    ":workspace": "workspace-write",
    ":read-only": "read-only",
    **{mode: mode for mode in SANDBOX_MODES},
}
"""Sandbox modes by their names in `permissions`."""


def request_of(
    options: StartOptions, caller: Caller, origin: Origin | None = None, *, forks: bool = False
) -> RunRequest:
    """Return the request of a run.

    Args:
        options: Options of the caller.
        caller: The caller with its policy.
        origin: The resumed or forked run. None: a new thread.
        forks: The run forks its origin.

    Raises:
        ArgumentsError: The policy forbids an option, or a named file cannot be used.
    """
    inherited = {} if origin is None else dict(origin.request.thread)
    call = caller.policy.apply(
        _call(options, caller, origin, inherited), base_dir=str(caller.base_dir)
    )
    thread = ThreadOptions(
        model=call.model,
        sandbox=call.sandbox,
        permissions=_profile_of(options, inherited, caller),
        approval_policy=call.approval_policy,
        config=_inherited_config(inherited, caller),
    )
    more: dict[str, Any] = {}
    if origin is not None:
        more["continues"] = origin.run_id
    if origin is not None and forks:
        more |= {"forks": origin.thread_id, "forks_after": origin.turn_id}
    timeout_s = caller.settings.timeout_s if options.timeout_s is None else options.timeout_s
    more |= {"timeout_s": timeout_s or None, **options.execution_options()}
    return _checked(call, caller, thread, origin, more)


def request_of_call(
    call: CodexArguments, caller: Caller, defaults: Defaults, tool: str
) -> RunRequest:
    """Return the request of a run in place of a call of a tool.

    Args:
        call: The arguments of the tool `codex`.
        caller: The caller with its policy.
        defaults: Values for arguments left open by call and policy.
        tool: The tool.

    Raises:
        ArgumentsError: The policy forbids an argument, or a named file cannot be used.
    """
    policy = caller.policy
    call = policy.apply(defaults.fill(call, policy), base_dir=str(caller.base_dir))
    # A run has its folder beside the options of its thread.
    thread = replace(asked_options(call), cwd=None)
    more = {"timeout_s": call.extras.timeout_s, "tool": tool}
    return _checked(call, caller, thread, None, more)


def _checked(
    call: CodexArguments,
    caller: Caller,
    thread: ThreadOptions,
    origin: Origin | None,
    more: Mapping[str, Any],
) -> RunRequest:
    """Return the request of a call within the policy, after a look at its files."""
    cwd = call.cwd or str(caller.base_dir)
    if not os.path.isdir(cwd):  # noqa: PTH112 - pathlib's own look fails on a path that is too long
        raise ArgumentsError(f"cwd `{cwd}` is not a folder; create it or name another")
    if call.extras.output_schema is not None:
        extras.check_schema(call.extras.output_schema)
    images = extras.check_images(call.extras.images, base_dir=cwd, within=caller.policy.bound)
    profile = call.extras.profile
    settings = {} if profile is None else extras.read_profile(caller.home, profile)
    inherited: Mapping[str, Any] = {} if origin is None else origin.request.thread
    # Settings of a call have precedence over its profile, and the profile over an earlier run.
    own = {**settings, **thread.config} if origin is None else {**thread.config, **settings}
    whole = replace(
        thread,
        config=own,
        allow_git=caller.policy.allow_git,
        distrusts=caller.policy.distrusts(cwd) or inherited.get("distrusts") is True,
    )
    return RunRequest(
        prompt=call.prompt,
        cwd=cwd,
        audit_dir=str(caller.settings.run_dir or default_audit_dir(Path(cwd))),
        env=caller.env,
        thread=whole.to_wire(),
        denied=_denied(caller, origin),
        effort=call.extras.effort,
        images=tuple(images),
        output_schema=call.extras.output_schema,
        idle_timeout_s=caller.idle_timeout_s,
        **more,
    )


def _denied(caller: Caller, origin: Origin | None) -> tuple[str, ...]:
    """Return the files unreadable for commands: by policy, with secrets, and from the origin."""
    own = (str(path.resolve()) for path in caller.settings.withheld if path.is_file())
    before = () if origin is None else origin.request.denied
    return tuple(dict.fromkeys((*caller.policy.deny_read, *own, *before)))


def _inherited_config(inherited: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    # Under a fixed policy another caller's settings could widen the policy.
    return {} if caller.policy.restricts else object_of(inherited.get("config"))


def _call(
    options: StartOptions, caller: Caller, origin: Origin | None, inherited: Mapping[str, Any]
) -> CodexArguments:
    """Return the options in the form for the policy check."""
    cwd = options.cwd or (None if origin is None else origin.cwd)
    if origin is not None and caller.policy.cwd is not None and options.cwd is None:
        cwd = None if origin.cwd == caller.policy.cwd else origin.cwd
    approval = options.approval_policy
    if approval is None:
        # A default is limited to the fixed policy; only an explicit choice is refused.
        fixed = caller.policy.approval_policy
        approval = fixed or inherited.get("approvalPolicy")
        if origin is None or origin.request.tool is None:
            approval = approval or "never"
    return CodexArguments(
        prompt=options.prompt,
        model=options.model or _default_model(options, origin, inherited, caller),
        cwd=cwd,
        approval_policy=approval,
        sandbox=_sandbox(options, inherited, caller),
        extras=Extras(
            output_schema=options.output_schema,
            images=options.images,
            effort=options.effort,
            profile=options.profile,
        ),
    )


def _default_model(
    options: StartOptions, origin: Origin | None, inherited: Mapping[str, Any], caller: Caller
) -> str | None:
    """Return the model of a run without a named model. None: the policy's or Codex's choice."""
    if caller.policy.model:
        return None
    if origin is not None:
        return text_of(inherited.get("model"))
    return None if options.profile or caller.policy.profile else caller.settings.model


def _sandbox(options: StartOptions, inherited: Mapping[str, Any], caller: Caller) -> str | None:
    """Return the sandbox mode; None with a permissions profile in its place."""
    asked = options.sandbox or options.permissions
    if asked is None:
        asked = inherited.get("sandbox") or inherited.get("permissions")
        asked = asked or caller.policy.sandbox or caller.settings.permissions
        if caller.policy.sandbox is not None and asked in _BUILT_IN:
            return min(_BUILT_IN[asked], caller.policy.sandbox, key=SANDBOX_MODES.index)
    return _BUILT_IN.get(asked)


def _profile_of(options: StartOptions, inherited: Mapping[str, Any], caller: Caller) -> str | None:
    """Return the permissions profile, if one of the user's own profiles was named."""
    if options.sandbox:
        return None
    asked = options.permissions
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
