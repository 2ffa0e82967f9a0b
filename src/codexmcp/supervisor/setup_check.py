"""Whether Codex and the records of runs can be used: what `codex_wrapper_check` tells."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import codexmcp
from codexmcp.errors import CodexMCPError
from codexmcp.runs.codex import CodexSource
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.supervisor.run_host import RunHostOptions


async def check_setup(caller: Caller, runs: RunHostOptions, codex: CodexSource) -> dict[str, Any]:
    """Return what works and what does not, without a path in it.

    Args:
        caller: Who asks.
        runs: How runs are kept.
        codex: Gives the app-server, which is asked for real.
    """
    started = time.monotonic()
    checks: dict[str, str] = {
        "codexHome": _usable(caller.home),
        "pointerIndex": _usable(runs.pointer_dir),
        "runDir": _usable(caller.settings.run_dir or caller.base_dir),
    }
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
    """Return `ok` for a folder that can be written to, or made."""
    nearest = next((each for each in (folder, *folder.parents) if each.exists()), folder)
    if not nearest.is_dir():
        return "it is no folder"
    return "ok" if os.access(nearest, os.W_OK | os.X_OK) else "it cannot be written to"
