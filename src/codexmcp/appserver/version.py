"""Supported Codex versions.

Pure.
"""

from __future__ import annotations

import re
from pathlib import Path

from codexmcp.appserver.contract import contract
from codexmcp.errors import CodexBinaryError

OLDEST_SUPPORTED = (0, 153, 4)
"""The last build with `codex mcp-server`, and the oldest build in the tests."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Return the first `X.Y.Z` in a text; None without a version."""
    match = _VERSION.search(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def check_user_agent(codex: Path, user_agent: str) -> tuple[int, int, int]:
    """Refuse a Codex that is too old; otherwise return the version.

    Args:
        codex: The binary, for the message.
        user_agent: The answer of `initialize`, for example `codexmcp/0.163.0 (Debian 12.0.0; …)`.

    Returns:
        The oldest supported version, if the text has no version.

    Raises:
        CodexBinaryError: The version is older than `OLDEST_SUPPORTED`.
    """
    version = parse_version(user_agent) or OLDEST_SUPPORTED
    if version < OLDEST_SUPPORTED:
        found = ".".join(map(str, version))
        oldest = ".".join(map(str, OLDEST_SUPPORTED))
        raise CodexBinaryError(
            f"{codex} is Codex {found}, and {oldest} is the oldest supported; update it, or unset "
            "CODEX_BIN to use the Codex that comes with codexmcp"
        )
    return version


def is_newer(recorded: str, user_agent: str) -> bool:
    """Return whether one version has a higher major or minor number than another.

    Patch releases share a format of rollouts.

    Args:
        recorded: The version of a thread.
        user_agent: See `check_user_agent`.
    """
    thread, codex = parse_version(recorded), parse_version(user_agent)
    return thread is not None and codex is not None and thread[:2] > codex[:2]


def newest_tested() -> str:
    """Return the newest build in the tests of this release."""
    return contract().tested[-1]
