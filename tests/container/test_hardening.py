"""Runs with the flags of a hardened deployment: each alone, and all together."""

from __future__ import annotations

import pytest

from tests.container.test_modes import SCRIPT, SMOKE
from tests.support.containers import Engine

READ_ONLY = ["--read-only", "--tmpfs=/app/.codex", "--tmpfs=/tmp", "--tmpfs=/app/output"]
HARDENED = {
    "no capabilities": ["--cap-drop=ALL"],
    "no new privileges": ["--security-opt=no-new-privileges"],
    "read-only root": READ_ONLY,
    "home on tmpfs": ["--tmpfs=/app/.codex"],
    "any user": ["--user=4321:8765"],
    "any user of group 0": ["--user=4321"],
    "no network": ["--network=none"],
    "memory": ["--memory=512m", "--memory-swap=512m"],
    "processes": ["--pids-limit=256"],
    "the engine's init": ["--init"],
}
ALL = [
    flag
    for name, flags in HARDENED.items()
    if name not in {"home on tmpfs", "any user of group 0", "the engine's init"}
    for flag in flags
]


@pytest.mark.parametrize("flags", [*HARDENED.values(), ALL], ids=[*HARDENED, "all together"])
async def test_the_smoke_skill_runs(engine: Engine, flags: list[str]) -> None:
    ran = await engine.run("--rehearse", SMOKE, flags=flags)
    if "container-init binary not found" in ran.err:
        pytest.skip("this podman came without its init")
    assert ran.code == 0, ran.err
    assert "skill=mcp-skill-smoke" in ran.out
    assert SCRIPT in ran.out


async def test_newway_runs_with_all_of_them(engine: Engine) -> None:
    ran = await engine.run("newway", "--rehearse", SMOKE, flags=ALL)
    assert ran.code == 0, ran.err
    assert SCRIPT in ran.out


async def test_a_home_that_cannot_be_written_to_is_told_with_the_remedy(engine: Engine) -> None:
    ran = await engine.run("--rehearse", SMOKE, flags=["--read-only"])
    assert ran.code == 78
    assert "cannot write to CODEX_HOME /app/.codex" in ran.err
    assert "--tmpfs /app/.codex" in ran.err


async def test_a_home_without_room_is_told(engine: Engine) -> None:
    ran = await engine.run("--rehearse", SMOKE, flags=["--tmpfs=/app/.codex:size=1m,mode=1777"])
    assert ran.code == 78
    assert "MB left, and Codex needs 8 to start" in ran.err


async def test_a_full_output_is_told_by_the_command(engine: Engine) -> None:
    ran = await engine.run(
        "--rehearse",
        "run `head -c 1000000 /dev/zero > big`",
        flags=["--tmpfs=/app/output:size=64k,mode=1777"],
    )
    assert "No space left on device" in ran.out


async def test_too_little_memory_ends_the_container(engine: Engine) -> None:
    ran = await engine.run("--rehearse", SMOKE, flags=["--memory=64m", "--memory-swap=64m"])
    if "Resource limits are not supported" in ran.err:
        pytest.skip("a rootless podman has no limits with cgroups of version 1")
    assert ran.code in {1, 137}
    # Where the first process itself is killed nobody is left to say so.
    assert "out of memory" in ran.err or ran.code == 137
