"""Options to start or resume a call's thread, from call, policy and configuration.

Pure except for `codex.thread_options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.permissions import RestrictedPaths, narrower_mode
from codexmcp.codex.recorded import RecordedSettings
from codexmcp.codex.thread_options import guarded
from codexmcp.data_classes import replace
from codexmcp.errors import RequestError
from codexmcp.jsonrpc.messages import INVALID_REQUEST
from codexmcp.policy.arguments import CodexArguments
from codexmcp.policy.policy import Policy, allows


def asked_options(call: CodexArguments) -> ThreadOptions:
    """Return the options of a thread that a call asks for, without those of the policy.

    Args:
        call: The call, with the policy applied.
    """
    config: dict[str, Any] = dict(call.config)
    if call.compact_prompt is not None:
        config["compact_prompt"] = call.compact_prompt
    return ThreadOptions(
        model=call.model,
        cwd=call.cwd,
        sandbox=call.sandbox,
        approval_policy=call.approval_policy,
        base_instructions=call.base_instructions,
        developer_instructions=call.developer_instructions,
        config=config,
    )


def start_options(
    call: CodexArguments,
    withheld: RestrictedPaths,
    effective: Mapping[str, Any],
    *,
    permissions: str | None = None,
    policy: Policy | None = None,
) -> ThreadOptions:
    """Return the options to start or resume the thread of a call.

    Args:
        call: The call, with the policy applied.
        withheld: Paths with less access for commands in the sandboxed modes.
        effective: Codex's configuration, from `config/read`.
        permissions: The permissions profile in place of the sandbox mode. None: no profile.
        policy: The policy. None: no policy.
    """
    asked = replace(
        asked_options(call),
        permissions=permissions,
        allow_git=policy is not None and policy.allow_git,
        distrusts=policy is not None and policy.distrusts(call.cwd),
    )
    return guarded(asked, withheld, effective)


def resumed_call(
    recorded: RecordedSettings, policy: Policy, effective: Mapping[str, Any]
) -> CodexArguments:
    """Return the call to start a thread with its last settings, within a policy.

    Args:
        recorded: The settings of the thread's last turn.
        policy: The policy.
        effective: Codex's configuration, from `config/read`.

    Raises:
        RequestError: The policy forbids the thread's folder or settings.
        ArgumentsError: As above.
    """
    if not policy.restricts:
        table = dict(recorded.workspace_write)
        call = CodexArguments(
            prompt="",
            cwd=recorded.cwd,
            sandbox=None if recorded.profile else recorded.sandbox,
            approval_policy=recorded.approval_policy,
            config={"sandbox_workspace_write": table} if table else {},
        )
        return policy.apply(call, base_dir="/")
    _check(recorded, policy, effective)
    sandbox = narrower_mode(recorded.sandbox or "read-only", policy.sandbox)
    call = CodexArguments(
        prompt="",
        cwd=None if policy.cwd is not None else recorded.cwd,
        sandbox=None if recorded.profile else sandbox,
        approval_policy=None if policy.approval_policy else recorded.approval_policy,
    )
    return policy.apply(call, base_dir="/")


def _check(recorded: RecordedSettings, policy: Policy, effective: Mapping[str, Any]) -> None:
    if not allows(policy, recorded.cwd or "/"):
        text = f"it worked in a folder outside of --cwd {policy.cwd}"
        raise RequestError("thread/resume", INVALID_REQUEST, text)
    # Threads of this server have the home's default profile.
    is_default = recorded.profile == effective.get("default_permissions")
    is_free = policy.sandbox is None and not policy.deny_read
    if recorded.profile is not None and not (is_default and is_free):
        text = (
            f"it works under the permissions profile `{recorded.profile}`, and this server was "
            "started with a fixed policy, which that could widen; start a new thread with codex"
        )
        raise RequestError("thread/resume", INVALID_REQUEST, text)
