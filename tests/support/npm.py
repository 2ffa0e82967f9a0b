"""Builds of Codex from the npm registry, each installed once into a folder.

Without the registry an install raises, and the tests of that build fail: a skip would hide for
months that they do not run.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.node import NPM, environment

PACKAGE = "@openai/codex"
_TIMEOUT_S = 100.0
_REMEDY = "make the npm registry reachable"


class NpmError(Exception):
    """npm failed; the message says why and what to do."""


def newest_version() -> str:
    """Return the version of the newest release.

    Raises:
        NpmError: The registry cannot be reached.
    """
    return _npm("view", f"{PACKAGE}@latest", "version").strip()


def install(version: str, prefix: Path) -> None:
    """Install a release into a folder.

    Args:
        version: The release.
        prefix: A folder that does not exist yet.

    Raises:
        NpmError: The registry cannot be reached, or has no such release.
    """
    _npm("install", "--no-audit", "--no-fund", f"--prefix={prefix}", f"{PACKAGE}@{version}")


def native_binary(prefix: Path) -> Path:
    """Return the native binary below an npm prefix.

    The package's own `codex` is a Node wrapper; a platform package beside it holds the program.

    Raises:
        NpmError: There is none for this platform.
    """
    found = sorted(prefix.glob("node_modules/@openai/codex-*/vendor/*/bin/codex"))
    if not found:
        raise NpmError(f"{PACKAGE} below {prefix} has no native binary for this platform")
    return found[0]


def _npm(*arguments: str) -> str:
    try:
        done = subprocess.run(
            [*NPM, *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise NpmError(f"npm {arguments[0]} took over {_TIMEOUT_S:g} s; {_REMEDY}") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise NpmError(f"npm {arguments[0]} failed: {last[0]}; {_REMEDY}") from None
    return done.stdout
