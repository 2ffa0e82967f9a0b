"""The policy of one client, from its options."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from codexmcp.cli.options.mcp_server import ClientPolicyFlags
from codexmcp.cli.options.parts import PolicyFlags
from codexmcp.errors import UsageError

if TYPE_CHECKING:
    from codexmcp.policy.policy import Policy


def policy(flags: PolicyFlags, base_dir: Path, workspace: Path | None = None) -> Policy:
    """Return the policy for a client.

    Args:
        flags: The client's policy.
        base_dir: The base of relative paths.
        workspace: The only visible folder of a container; None without a container.

    Raises:
        UsageError: The policy cannot be enforced.
    """
    from codexmcp.policy.policy import Policy  # noqa: PLC0415 - 5 ms, after the first answer

    return Policy(
        sandbox=flags.sandbox,
        approval_policy=flags.approval_policy,
        cwd=fixed_folder(flags.cwd, base_dir, workspace),
        model=flags.model,
        profile=flags.profile if isinstance(flags, ClientPolicyFlags) else None,
        allow_git=flags.allow_git,
        deny_read=tuple(os.path.realpath(base_dir / file) for file in flags.deny_read),
        workspace=None if workspace is None else str(workspace),
    )


def fixed_folder(path: Path | None, base_dir: Path, workspace: Path | None = None) -> str | None:
    """Return the absolute path of a fixed working directory; None without one.

    Args:
        path: The directory, relative to `base_dir` or absolute.
        base_dir: The base of relative paths.
        workspace: The only visible folder of a container; None without a container.

    Raises:
        UsageError: There is no such folder, or it is outside of the workspace.
    """
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
