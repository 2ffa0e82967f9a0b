"""`codexmcp doctor`: tries what a run needs, for real, and says what is missing.

Promises to try everything, whatever fails before, and to show no key.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import CodexMCPError, ConfigurationError, ExitCode
from codexmcp.home import diagnosis
from codexmcp.home.binary import find_codex
from codexmcp.home.config import CodexHome, default_home, read_home
from codexmcp.home.diagnosis import Finding, Verdict
from codexmcp.settings import DEFAULT_SANDBOX_MODE, Settings, child_environment, load_settings

SANDBOX_TIMEOUT_S = 10.0
"""Bound on `codex sandbox -- true`, which takes 30 ms."""


def run(arguments: argparse.Namespace) -> int:
    """Try everything and return the exit code."""
    findings = list(_examine(arguments.cwd))
    healthy = diagnosis.is_healthy(findings)
    if arguments.json:
        checks = [
            {"name": each.name, "verdict": each.verdict, "detail": each.detail} for each in findings
        ]
        sys.stdout.write(json.dumps({"ok": healthy, "checks": checks}, ensure_ascii=False) + "\n")
    else:
        for each in findings:
            sys.stdout.write(f"{each.verdict:<7} {each.name}: {each.detail}\n")
    return ExitCode.DONE if healthy else ExitCode.CONFIGURATION


def _examine(cwd: Path | None) -> Iterator[Finding]:
    settings = Settings()
    try:
        # `main.py` and `newway.py` read this file too.
        settings = load_settings(dotenv=Path(".env"))
    except ConfigurationError as error:
        yield Finding("settings", Verdict.BROKEN, str(error))
    home = CodexHome(settings.codex_home or default_home())
    try:
        home = read_home(home.path)
        yield _writable_home(home.path)
    except ConfigurationError as error:
        yield Finding("codex home", Verdict.BROKEN, str(error))
    yield from diagnosis.legacy_settings(home)
    yield diagnosis.credentials(settings, home)
    yield diagnosis.skills(home.path, _skill_names(home.path))
    yield _writable(cwd or (Path("output") if Path("output").is_dir() else Path()))
    yield from _codex_findings(settings, home)


def _codex_findings(settings: Settings, home: CodexHome) -> Iterator[Finding]:
    try:
        codex = find_codex(settings.codex_bin)
    except ConfigurationError as error:
        yield Finding("codex", Verdict.BROKEN, str(error))
        return
    env = child_environment(CODEX_HOME=str(home.path))
    started = asyncio.run(_started(codex, env))
    yield started
    if started.verdict is Verdict.BROKEN:
        # What keeps Codex from starting would be taken for a fault of the sandbox.
        return
    for mode in ("read-only", DEFAULT_SANDBOX_MODE):
        complaint = _sandbox_complaint(codex, env, mode)
        yield diagnosis.sandbox(mode, settings.sandbox_mode, complaint)


async def _started(codex: Path, env: Mapping[str, str]) -> Finding:
    """Start app-server and have it read its configuration, which it does not at its start."""
    try:
        async with AppServer.launch(LaunchOptions(codex=codex, env=env)) as server:
            await server.call("config/read", {})
            version = str(server.info.get("userAgent", "")).partition("/")[2].split(" ")[0]
    except CodexMCPError as error:
        return Finding("codex", Verdict.BROKEN, f"{codex}: {' '.join(str(error).split())}")
    return Finding("codex", Verdict.OK, f"{version} starts ({codex})")


def _sandbox_complaint(codex: Path, env: Mapping[str, str], mode: str) -> str | None:
    command = [str(codex), "sandbox", "-c", f'sandbox_mode="{mode}"', "--", "true"]
    try:
        ran = subprocess.run(  # the one process here, and nothing else goes on meanwhile
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SANDBOX_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return f"it does not start: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"nothing happened for {SANDBOX_TIMEOUT_S:g} s"
    if ran.returncode == 0:
        return None
    # bubblewrap's guess at the cause ("likely because ...") is wrong in containers.
    said = (ran.stderr.strip().splitlines() or [f"exit code {ran.returncode}"])[0]
    return said.partition(", likely")[0]


def _skill_names(home: Path) -> list[str] | None:
    try:
        with os.scandir(home / "skills") as entries:
            return [entry.name for entry in entries if (Path(entry) / "SKILL.md").is_file()]
    except OSError:
        return None


def _writable_home(home: Path) -> Finding:
    """Say of a home that is there whether Codex can keep its databases and conversations in it."""
    error = _refusal(home) if home.is_dir() else None
    if error is None:
        return Finding("codex home", Verdict.OK, str(home))
    detail = f"Codex cannot write to {home}: {error}; make it writable, or name another in "
    return Finding("codex home", Verdict.BROKEN, f"{detail}CODEX_HOME")


def _writable(folder: Path) -> Finding:
    folder = folder.absolute()
    error = _refusal(folder)
    if error is None:
        return Finding("output", Verdict.OK, f"{folder} can be written to")
    detail = f"cannot write to {folder}: {error}; name another by --cwd, or run as its owner"
    return Finding("output", Verdict.BROKEN, detail)


def _refusal(folder: Path) -> str | None:
    """Return why a folder cannot be written to; None when it can."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".codexmcp-"):
            return None
    except OSError as error:
        return error.strerror or str(error)
