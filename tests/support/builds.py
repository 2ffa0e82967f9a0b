"""Where the tests find builds of Codex: the pinned one, and others by their version."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path

from codex_cli_bin import bundled_codex_path

from codexmcp.appserver.contract import contract
from tests.support import npm

CHECKOUT = Path(__file__).resolve().parents[2]

ORACLE_VERSION = contract().tested[0]
"""The last build with `codex mcp-server`."""
NPM_VERSION = contract().tested[-1]
"""The newest build that the tests hold to: npm has later releases than PyPI."""

_INSTALL_TIMEOUT_S = 110.0


def pinned_codex() -> Path:
    """Return the binary of the Codex that the lock file pins."""
    return Path(bundled_codex_path())


def cache_folder() -> Path:
    """Return where builds are kept: `CODEXMCP_TEST_CACHE`, or a folder in the checkout."""
    named = os.environ.get("CODEXMCP_TEST_CACHE")
    cache = Path(named) if named else CHECKOUT / ".cache" / "codex-builds"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


@functools.cache
def codex_build(version: str) -> Path:
    """Return the binary of a version of Codex; install it once.

    `NPM_VERSION` comes from npm, into the folder `npm-VERSION` of the cache; the pinned version is
    there already; every other comes from PyPI, into the folder `VERSION`. The cache is the folder
    `CODEXMCP_TEST_CACHE`, or `.cache/codex-builds` in the checkout.
    """
    if version == installed_version("openai-codex-cli-bin"):
        return pinned_codex()
    if version == NPM_VERSION:
        return _npm_build(version)
    folder = _installed(version, lambda partial: _install_wheel(version, partial))
    return folder / "codex_cli_bin" / "bin" / "codex"


@functools.cache
def newest_codex() -> Path:
    """Return the binary of npm's newest release; install it once."""
    return _npm_build(npm.newest_version())


def _npm_build(version: str) -> Path:
    folder = _installed(f"npm-{version}", lambda partial: npm.install(version, partial))
    return npm.native_binary(folder)


def _installed(name: str, install: Callable[[Path], None]) -> Path:
    cache = cache_folder()
    folder = cache / name
    # Test workers are processes of their own, and only one of them may install.
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # Renamed at the end, so that an interrupted install is never taken for a whole one.
            partial = cache / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            install(partial)
            partial.rename(folder)
    return folder


def _install_wheel(version: str, partial: Path) -> None:
    package = f"openai-codex-cli-bin=={version}"
    # `uv run` names its own program in UV, which need not be on PATH.
    uv = os.environ.get("UV", "uv")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--target", str(partial), package],
        check=True,
        timeout=_INSTALL_TIMEOUT_S,
    )
