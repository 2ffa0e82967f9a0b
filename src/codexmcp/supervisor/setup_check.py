"""The check of Codex and of the records of runs: the answer of `codex_wrapper_check`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import codexmcp
from codexmcp.codex.source import CodexSource
from codexmcp.errors import CodexMCPError
from codexmcp.policy.caller import Caller
from codexmcp.supervisor.run_host import RunHostOptions


async def check_setup(caller: Caller, runs: RunHostOptions, codex: CodexSource) -> dict[str, Any]:
    """Return the result of each check, without paths.

    Args:
        caller: The client with the request.
        runs: The settings of runs.
        codex: Source of the app-server; the check waits for a running app-server.
    """
    started = time.monotonic()
    checks: dict[str, str] = {
        "codexHome": _usable(caller.home),
        "pointerIndex": _usable(runs.pointer_dir),
        "runDir": _usable(caller.settings.run_dir or caller.base_dir),
    }
    try:
        codex.check_access({})
        checks["credentials"] = "ok"
    except CodexMCPError as error:
        checks["credentials"] = str(error)
    version = None
    try:
        server = await codex.get()
        version = str(server.info.get("userAgent", "")).partition("/")[2].split(" ")[0] or None
        checks["codex"] = "ok"
    except CodexMCPError as error:
        checks["codex"] = str(error)
    return {
        "ok": all(result == "ok" for result in checks.values()),
        "version": codexmcp.__version__,
        "codexVersion": version,
        "checks": checks,
        "elapsedMs": round((time.monotonic() - started) * 1000),
    }


def _usable(folder: Path) -> str:
    """Return `ok` for a writable folder, or a missing folder below a writable folder."""
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    if not nearest.is_dir():
        return "it is not a folder"
    return "ok" if os.access(nearest, os.W_OK | os.X_OK) else "it cannot be written to"
