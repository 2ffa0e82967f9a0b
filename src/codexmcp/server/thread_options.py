"""How a call's thread is to be started: the call, the policy and the user's configuration together.

Reads nothing but the file system around the working directory, to find its git root.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.home.permissions import PROFILE, deny_profile
from codexmcp.home.trust import untrusted_projects
from codexmcp.jsonvalues import dig, object_of, text_of
from codexmcp.server.arguments import CodexArguments
from codexmcp.server.policy import Policy
from codexmcp.settings import SANDBOX_MODES


def start_options(
    call: CodexArguments, policy: Policy, effective: Mapping[str, Any]
) -> ThreadOptions:
    """Return how to start the thread of a call.

    Args:
        call: The call, with the policy applied.
        policy: What is fixed.
        effective: Codex's configuration as `config/read` tells it.
    """
    config: dict[str, Any] = dict(call.config)
    if call.compact_prompt is not None:
        config["compact_prompt"] = call.compact_prompt
    config |= _distrust(call, effective, config)
    profile = _profile(call, policy, effective)
    if profile is not None:
        config["permissions"] = {PROFILE: profile}
    return ThreadOptions(
        model=call.model,
        cwd=call.cwd,
        sandbox=call.sandbox,
        permissions=None if profile is None else PROFILE,
        approval_policy=call.approval_policy or _approval_default(effective, config),
        base_instructions=call.base_instructions,
        developer_instructions=call.developer_instructions,
        config=config,
    )


def resume_options(
    policy: Policy, effective: Mapping[str, Any], recorded: Mapping[str, Any]
) -> ThreadOptions:
    """Return what overrides the settings of a thread that was started elsewhere.

    Args:
        policy: What is fixed.
        effective: Codex's configuration as `config/read` tells it.
        recorded: The thread's own settings, as `thread/resume` tells them.
    """
    if not policy.restricts:
        return ThreadOptions()
    sandbox = _SANDBOXES.get(text_of(dig(recorded, "sandbox", "type")) or "", "read-only")
    asked = CodexArguments(
        prompt="",
        sandbox=_least(sandbox, policy.sandbox, SANDBOX_MODES),
        approval_policy=policy.approval_policy,
        cwd=policy.cwd,
        model=policy.model,
    )
    options = start_options(asked, policy, effective)
    # The default holds for new threads; a resumed one keeps its own unless one is fixed.
    return replace(options, approval_policy=policy.approval_policy)


def _least(one: str, other: str | None, by_freedom: tuple[str, ...]) -> str:
    return one if other is None else min(one, other, key=by_freedom.index)


_SANDBOXES = {
    "readOnly": "read-only",
    "workspaceWrite": "workspace-write",
    "dangerFullAccess": "danger-full-access",
}
"""Modes by the names that answers of app-server use."""


def _profile(
    call: CodexArguments, policy: Policy, effective: Mapping[str, Any]
) -> dict[str, Any] | None:
    configured = call.config.get("sandbox_mode", effective.get("sandbox_mode"))
    sandbox = call.sandbox or text_of(configured) or "read-only"
    return deny_profile(
        sandbox, policy.deny_read, object_of(effective.get("sandbox_workspace_write"))
    )


def _distrust(
    call: CodexArguments, effective: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings that keep Codex from recording its trust in the project.

    They are left out where Codex records nothing, because they change its defaults.
    """
    if call.cwd is None or any(key.split(".")[0] == "projects" for key in given):
        return {}
    if call.sandbox is None and not any(
        settings.get(key) for settings in (effective, given) for key in _WIDENING
    ):
        # An undecided project is read-only by default, and nothing is recorded then.
        return {}
    folder = Path(os.path.abspath(call.cwd))  # noqa: PTH100 - links stay, `..` goes
    projects = untrusted_projects(folder, object_of(effective.get("projects")))
    return {"projects": projects} if projects else {}


_WIDENING = ("sandbox_mode", "default_permissions", "permissions")


def _approval_default(effective: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return the policy that holds without an untrusted project, which would change it."""
    if "projects" not in config or "approval_policy" in config:
        return None
    return None if effective.get("approval_policy") else "on-request"
