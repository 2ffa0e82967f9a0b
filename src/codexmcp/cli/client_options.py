"""Policy, limits and answers for one MCP client, from the options of `codexmcp mcp-server`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from codexmcp.appserver.answers import Answer, ApprovalDecision
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.options.parts import PolicyFlags
from codexmcp.cli.policy_options import policy
from codexmcp.codex.container.options import COMMAND_ENVIRONMENT
from codexmcp.codex.turns import TurnLimits
from codexmcp.policy.caller import Caller
from codexmcp.policy.conversations import ConversationOptions
from codexmcp.policy.policy import Defaults
from codexmcp.run_settings import ALLOWED_VARIABLE, command_environment, read_run_settings
from codexmcp.server.engine import EngineOptions
from codexmcp.server.protocol import ProtocolOptions
from codexmcp.settings import MODEL_VARIABLE, sandbox_mode

IDLE_TIMEOUT_S = 600.0
"""Bound on the time without a sign of life from Codex, for runs over HTTP."""

_ANSWER_MARGIN_S = 5.0


def protocol_options(options: McpServerOptions, version: str) -> ProtocolOptions:
    """Return the protocol options of a client; `version` is that of Codex."""
    return ProtocolOptions(
        version=version,
        strict=options.strict_compat,
        approval_timeout_s=options.approval_timeout,
        default_answer=Answer(ApprovalDecision(options.approval_default)),
        allow_amendments=options.allow_policy_amendments,
    )


def engine_options(
    options: McpServerOptions,
    base_dir: Path,
    workspace: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> EngineOptions:
    """Return the options for a client's calls of `codex` and `codex-reply`; see `caller`.

    Args:
        options: The client's options.
        base_dir: The client's working directory.
        workspace: The only visible folder of a container; None without a container.
        env: The client's environment; None where app-server has the same.

    Raises:
        ConfigurationError: A setting in the environment cannot be used.
        UsageError: The policy cannot be enforced.
    """
    strict = options.strict_compat
    own = os.environ if env is None else env
    defaults = Defaults(sandbox_mode(own), own.get(MODEL_VARIABLE) or None)
    conversations = ConversationOptions(
        policy=policy(options.policy, base_dir, workspace),
        # The removed server knew no such variables.
        defaults=Defaults() if strict else defaults,
        limits=_limits(options),
        base_dir=base_dir,
        is_shared=options.shared,
        resumes=not strict,
        env=None if env is None else _environment_of_commands(env, workspace),
    )
    return EngineOptions(conversations, None if strict else options.max_result_bytes or None)


def caller(
    flags: PolicyFlags,
    base_dir: Path,
    env: Mapping[str, str],
    home: Path,
    workspace: Path | None = None,
    *,
    idle_timeout_s: float = IDLE_TIMEOUT_S,
) -> Caller:
    """Return the policy, settings and environment for a client's runs.

    Args:
        flags: The client's policy.
        base_dir: The client's working directory.
        env: The client's environment.
        home: The Codex home.
        workspace: The only visible folder of a container; None without a container.
        idle_timeout_s: Bound on the time without a sign of life from Codex; 0 for none.

    Raises:
        ConfigurationError: A setting in the environment cannot be used.
        UsageError: The policy cannot be enforced.
    """
    return Caller(
        home=home,
        base_dir=base_dir,
        policy=policy(flags, base_dir, workspace),
        settings=read_run_settings(env),
        env=_environment_of_commands(env, workspace),
        idle_timeout_s=idle_timeout_s or None,
    )


def _limits(options: McpServerOptions) -> TurnLimits:
    idle_s = options.idle_timeout or None
    if idle_s is not None and options.policy.approval_policy != "never":
        # A turn is silent while it waits for an answer.
        idle_s = max(idle_s, options.approval_timeout + _ANSWER_MARGIN_S)
    return TurnLimits(options.timeout or None, idle_s)


def _environment_of_commands(env: Mapping[str, str], workspace: Path | None) -> dict[str, str]:
    """Return the environment of a client's commands."""
    return command_environment(env) if workspace is None else _environment_inside(env)


def _environment_inside(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of commands in a container, without paths of this machine."""
    named = {name.strip() for name in env.get(ALLOWED_VARIABLE, "").split(",")} | _PLACELESS
    passed = command_environment(env).items()
    kept = {name: each for name, each in passed if name in named or name.startswith("LC_")}
    return {**kept, **COMMAND_ENVIRONMENT}


_PLACELESS = {"LANG", "LANGUAGE", "TZ", "CI"}
