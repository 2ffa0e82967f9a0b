"""How a call's thread is to be started: call, policy and the user's configuration together.

Pure but for `home.thread_options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.home.thread_options import guarded
from codexmcp.jsonvalues import dig, text_of
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
    asked = ThreadOptions(
        model=call.model,
        cwd=call.cwd,
        sandbox=call.sandbox,
        approval_policy=call.approval_policy,
        base_instructions=call.base_instructions,
        developer_instructions=call.developer_instructions,
        config=config,
    )
    return guarded(asked, policy.deny_read, effective)


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
