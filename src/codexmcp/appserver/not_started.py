"""What is told when app-server does not start, here or in a container, and what to do then.

Pure.
"""

from __future__ import annotations

import re

from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import AppServerClosedError

_LIMITS_REFUSED = re.compile(r"rlimit.*(?:not permitted|denied)", re.IGNORECASE)


def did_not_start(
    options: LaunchOptions, cause: AppServerClosedError, how: str = "as an app-server"
) -> AppServerClosedError:
    """Return the error that says so.

    Args:
        options: What was started.
        cause: How it ended.
        how: What it was to be.
    """
    if options.prefix is not None:
        said = f"Codex did not start in its container: {cause.reason}"
        remedy = _remedy(cause.stderr_tail)
    else:
        said = f"{options.codex} did not start {how}: {cause.reason}"
        remedy = (
            "name a working Codex in CODEX_BIN, or unset it to use the one that comes with codexmcp"
        )
    return AppServerClosedError(f"{said}; {remedy}" if remedy else said, cause.stderr_tail)


def _remedy(said: str) -> str:
    """Return what helps against what an engine said; empty where that says it itself."""
    if _LIMITS_REFUSED.search(said):
        # Source: podman as root asks for 1048576 files and processes by default (4.3.1).
        return (
            "podman asks for higher limits than this machine grants: write `default_ulimits = []` "
            "under [containers] in containers.conf, which leaves them as they are here"
        )
    return ""
