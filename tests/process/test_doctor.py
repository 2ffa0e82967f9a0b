"""`codexmcp doctor` as a user runs it: a real process, the real Codex."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.builds import pinned_codex
from tests.support.processes import processes_of, until
from tests.support.real_app_server import environment

KEY = "sk-canary-0123456789"
BOUND_S = 60.0


async def started(home: Path, cwd: Path, *args: str, **env: str) -> asyncio.subprocess.Process:
    """Start the command."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "codexmcp", "doctor", *args),
        cwd=cwd,
        env={**environment(home), **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def doctor(home: Path, cwd: Path, *args: str, **env: str) -> tuple[int, str]:
    """Run the command and return its exit code and what it said."""
    process = await started(home, cwd, *args, **env)
    async with asyncio.timeout(BOUND_S):
        said, _ = await process.communicate()
    assert process.returncode is not None
    await until(lambda: not processes_of(home), "every process is gone")
    return process.returncode, said.decode()


async def verdicts(home: Path, cwd: Path, **env: str) -> tuple[int, dict[str, Any]]:
    code, said = await doctor(home, cwd, "--json", "--no-call", **env)
    told = json.loads(said)
    assert told["ok"] == (code == 0)
    return code, {check["name"]: (check["verdict"], check["detail"]) for check in told["checks"]}


def tree_of(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that fit a pattern."""
    return list(folder.glob(pattern))


async def test_a_healthy_home_passes_and_the_key_is_not_shown(
    codex_home: Path, tmp_path: Path
) -> None:
    code, said = await doctor(codex_home, tmp_path, "--no-call", OPENAI_API_KEY=KEY)
    assert code == 0, said
    assert "ok      credentials: the key of the environment" in said
    assert "ok      sandbox workspace-write: a command ran in it" in said
    assert " starts (" in said
    assert "ok      turn: a stand-in for the model answered" in said
    # The turn has left no conversation behind.
    assert not tree_of(codex_home, "sessions/**/*.jsonl*")
    assert KEY not in said


async def test_a_missing_key_is_the_only_complaint(codex_home: Path, tmp_path: Path) -> None:
    code, checks = await verdicts(codex_home, tmp_path)
    assert code == 78
    assert [name for name, (verdict, _) in checks.items() if verdict == "broken"] == ["credentials"]


async def test_what_codex_itself_refuses_in_its_configuration_is_told(
    codex_home: Path, tmp_path: Path
) -> None:
    (codex_home / "config.toml").write_text('approval_policy = "sometimes"\n')
    code, checks = await verdicts(codex_home, tmp_path, OPENAI_API_KEY=KEY)
    assert code == 78
    assert checks["codex"][0] == "broken"
    assert "sometimes" in checks["codex"][1]
    assert "sandbox read-only" not in checks


@pytest.mark.parametrize(
    ("name", "env"),
    [
        ("codex", {"CODEX_BIN": "/nonexistent"}),
        ("settings", {"CODEX_SANDBOX_MODE": "full"}),
        ("settings", {"OPENAI_API_KEY": "", "OPENAI_API_KEY_FILE": "/nonexistent"}),
    ],
)
async def test_a_fault_does_not_hide_the_rest(
    codex_home: Path, tmp_path: Path, name: str, env: dict[str, str]
) -> None:
    code, checks = await verdicts(codex_home, tmp_path, **{"OPENAI_API_KEY": KEY, **env})
    assert code == 78
    assert checks[name][0] == "broken"
    assert {"codex home", "credentials", "skills", "output", "codex"} <= set(checks)


async def test_a_home_that_cannot_be_written_to_is_told_with_the_remedy(tmp_path: Path) -> None:
    # Nobody can make a file there, root included.
    code, checks = await verdicts(Path("/proc/self"), tmp_path, OPENAI_API_KEY=KEY)
    assert code == 78
    verdict, detail = checks["codex home"]
    assert verdict == "broken"
    assert "Codex cannot write to its home /proc/self" in detail
    assert "CODEX_HOME" in detail


async def test_a_broken_sandbox_is_told_from_one_that_nobody_asked_for(
    codex_home: Path, tmp_path: Path
) -> None:
    codex = codex_home / "codex"
    codex.write_text(
        '#!/bin/sh\n[ "$1" = sandbox ] && echo "bwrap: blocked, likely x" >&2 && exit 1\n'
        f'exec {pinned_codex()} "$@"\n'
    )
    codex.chmod(0o755)
    env = {"OPENAI_API_KEY": KEY, "CODEX_PATH": "", "CODEX_BIN": str(codex)}
    _, checks = await verdicts(codex_home, tmp_path, **env, CODEX_SANDBOX_MODE="read-only")
    assert checks["sandbox read-only"][0] == "broken"
    assert "bwrap: blocked; in a container" in checks["sandbox read-only"][1]
    assert checks["sandbox workspace-write"][0] == "note"


async def test_ctrl_c_ends_it_without_a_traceback_and_leaves_nothing(
    codex_home: Path, tmp_path: Path
) -> None:
    codex, starts = codex_home / "codex", codex_home / "starts"
    codex.write_text(f"#!/bin/sh\ntouch {starts}\nexec sleep 60\n")
    codex.chmod(0o755)
    process = await started(codex_home, tmp_path, OPENAI_API_KEY=KEY, CODEX_BIN=str(codex))
    await until(starts.exists, "Codex starts")
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(BOUND_S):
        said, _ = await process.communicate()
    assert (process.returncode, said) == (130, b"")
    await until(lambda: not processes_of(codex_home), "every process is gone")
