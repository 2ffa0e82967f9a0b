"""What holds for one MCP client, from the arguments of `codexmcp mcp-server`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from codexmcp.appserver.answers import Answer, Verdict
from codexmcp.appserver.container import COMMAND_ENVIRONMENT
from codexmcp.appserver.turns import TurnLimits
from codexmcp.errors import UsageError
from codexmcp.home.permissions import can_be_moved
from codexmcp.run_settings import ALLOWED_VARIABLE, command_environment, read_run_settings
from codexmcp.server.engine import EngineOptions
from codexmcp.server.policy import Policy
from codexmcp.server.protocol import ProtocolOptions
from codexmcp.server.run_tools.arguments import Caller

CODEX_TOOLS = "codex"
RUN_TOOLS = "runs"

_ANSWER_MARGIN_S = 5.0


def tool_groups(arguments: argparse.Namespace) -> frozenset[str]:
    """Return which tools a client is offered."""
    if arguments.tools is not None:
        return frozenset(arguments.tools)
    return frozenset({CODEX_TOOLS, RUN_TOOLS} if arguments.shared else {CODEX_TOOLS})


def protocol_options(arguments: argparse.Namespace, version: str) -> ProtocolOptions:
    """Return how the server speaks to a client."""
    return ProtocolOptions(
        version=version,
        strict=arguments.strict_compat,
        approval_timeout_s=arguments.approval_timeout,
        default_answer=Answer(Verdict(arguments.approval_default)),
        allow_amendments=arguments.allow_policy_amendments,
    )


def engine_options(
    arguments: argparse.Namespace, base_dir: Path, workspace: Path | None = None
) -> EngineOptions:
    """Return what holds for a client's calls of `codex` and `codex-reply`; see `policy`.

    Raises:
        UsageError: The policy cannot be kept.
    """
    strict: bool = arguments.strict_compat
    return EngineOptions(
        policy=policy(arguments, base_dir, workspace),
        limits=_limits(arguments),
        base_dir=base_dir,
        is_shared=arguments.shared,
        resumes=not strict,
        max_result_bytes=None if strict else arguments.max_result_bytes or None,
    )


def caller(
    arguments: argparse.Namespace,
    base_dir: Path,
    env: Mapping[str, str],
    home: Path,
    workspace: Path | None = None,
) -> Caller:
    """Return what holds for a client's runs.

    Args:
        arguments: Its arguments.
        base_dir: Its working directory.
        env: Its environment.
        home: The Codex home.
        workspace: All that Codex sees, where it runs in a container; None elsewhere.

    Raises:
        ConfigurationError: Its environment holds a setting that cannot be used.
        UsageError: The policy cannot be kept.
    """
    return Caller(
        home=home,
        base_dir=base_dir,
        policy=policy(arguments, base_dir, workspace),
        settings=read_run_settings(env),
        env=command_environment(env) if workspace is None else _environment_inside(env),
        idle_timeout_s=arguments.idle_timeout or None,
    )


def policy(arguments: argparse.Namespace, base_dir: Path, workspace: Path | None = None) -> Policy:
    """Return what is fixed for a client.

    Args:
        arguments: Its arguments.
        base_dir: What relative paths among them are relative to.
        workspace: All that Codex sees, where it runs in a container; None elsewhere.

    Raises:
        UsageError: It cannot be kept.
    """
    fixed = Policy(
        sandbox=arguments.sandbox,
        approval_policy=arguments.approval_policy,
        cwd=_folder(arguments.cwd, base_dir, workspace),
        model=arguments.model,
        profile=arguments.profile,
        deny_read=tuple(os.path.realpath(base_dir / file) for file in arguments.deny_read),
        workspace=None if workspace is None else str(workspace),
    )
    writable = fixed.cwd is not None and fixed.sandbox not in {"read-only", "danger-full-access"}
    for file in fixed.deny_read if writable else ():
        if can_be_moved(file, os.path.realpath(fixed.cwd or "/")):
            raise UsageError(
                f"--deny-read {file} lies in a folder below --cwd {fixed.cwd}, which commands "
                "could rename to reach the file; work in another folder"
            )
    return fixed


def _limits(arguments: argparse.Namespace) -> TurnLimits:
    idle_s: float | None = arguments.idle_timeout or None
    if idle_s is not None and arguments.approval_policy != "never":
        # A turn that waits for an answer is silent, and that is no fault of its own.
        idle_s = max(idle_s, arguments.approval_timeout + _ANSWER_MARGIN_S)
    return TurnLimits(arguments.timeout or None, idle_s)


def _folder(path: Path | None, base_dir: Path, workspace: Path | None) -> str | None:
    if path is None:
        return None
    folder = base_dir / path
    if not folder.is_dir():
        raise UsageError(f"--cwd {path} is not a folder; create it or name another")
    if workspace is None:
        return str(folder.absolute())
    folder = folder.resolve()
    if not folder.is_relative_to(workspace):
        raise UsageError(f"--cwd {path} is not in --workspace {workspace}; name one there")
    return str(folder)


def _environment_inside(env: Mapping[str, str]) -> dict[str, str]:
    """Return what commands in a container see of a client's environment.

    What names places of this machine would lead them astray.
    """
    named = {name.strip() for name in env.get(ALLOWED_VARIABLE, "").split(",")} | _PLACELESS
    passed = command_environment(env).items()
    kept = {name: each for name, each in passed if name in named or name.startswith("LC_")}
    return {**kept, **COMMAND_ENVIRONMENT}


_PLACELESS = {"LANG", "LANGUAGE", "TZ", "CI"}
