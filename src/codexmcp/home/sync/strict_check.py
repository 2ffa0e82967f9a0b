"""The strict check of a configuration by the real Codex.

Runs Codex in a temporary folder, so the home stays unchanged.

Source: `codex exec --strict-config -` loads everything, finds no prompt on stdin and ends before
any model request; this takes 0.03 s for an invalid configuration and up to 0.3 s for a valid
configuration (0.153.4, 0.163.0 and 0.169.0). `features`, `mcp`, `login` and `debug` take no
`--strict-config`.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from codexmcp.home.profiles.files import PROFILE_SUFFIX
from codexmcp.network import direct_to_loopback

TIMEOUT_S = 30.0
_TAKEN = "No prompt provided"
_ASIDE = "WARNING: proceeding, even though"
"""The prefix of Codex's non-fatal failures, such as its aliases on PATH."""
_CONFIG = "config.toml"
_PRIVATE = ("auth.json", ".sqlite", ".codexmcp")


def strict_problems(
    codex: Path, home: Path, files: Mapping[str, bytes], env: Mapping[str, str]
) -> dict[str, str]:
    """Return Codex's objections to configurations, by file name.

    Args:
        codex: The Codex binary.
        home: The home; a configuration may refer to other files in it.
        files: The planned `config.toml` and profiles.
        env: The environment for Codex.
    """
    problems: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="codexmcp-check-") as folder:
        stage = Path(folder, "home")
        stage.mkdir(mode=0o700)
        _link(home, stage, files)
        for name, data in files.items():
            (stage / name).write_bytes(data)
        child = {**env, "CODEX_HOME": str(stage)}
        for name in sorted(files, key=lambda name: name != _CONFIG):
            profile = [] if name == _CONFIG else ["--profile", name.removesuffix(PROFILE_SUFFIX)]
            problem = _problem(codex, profile, child, Path(folder))
            if problem:
                problems[name] = problem.replace(str(stage), str(home))
            if problem and name == _CONFIG:
                # Every profile applies on top of config.toml.
                break
    return problems


def _link(home: Path, stage: Path, files: Mapping[str, bytes]) -> None:
    """Link the home's other files, since a configuration may refer to them by relative paths."""
    for entry in home.iterdir() if home.is_dir() else ():
        is_private = any(mark in entry.name for mark in _PRIVATE)
        is_config = entry.name == _CONFIG or entry.name.endswith(PROFILE_SUFFIX)
        if entry.name not in files and not is_private and not is_config and entry.is_file():
            (stage / entry.name).symlink_to(entry.resolve())


def _problem(codex: Path, flags: Sequence[str], env: Mapping[str, str], cwd: Path) -> str:
    argv = [str(codex), "exec", "--strict-config", *flags, "--skip-git-repo-check", "-"]
    try:
        done = subprocess.run(
            argv,
            env=direct_to_loopback(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Codex has not ended within {TIMEOUT_S:g} s"
    except OSError as error:
        return f"{codex} cannot be started: {error.strerror}"
    told = f"{done.stdout}\n{done.stderr}"
    return "" if _TAKEN in told else _gist(told) or f"Codex ended with exit code {done.returncode}"


def _gist(told: str) -> str:
    """Return Codex's error without its stack trace and its remarks."""
    every = told.partition("Stack backtrace:")[0].splitlines()
    lines = [line for line in every if not line.startswith(_ASIDE)]
    return "; ".join(stripped for line in lines if (stripped := line.strip(" |^")))[:1000]
