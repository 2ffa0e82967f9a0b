"""Mount points of Codex's sandbox in a project: which are removed, and which are not."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codexmcp.codex.mount_points import MountPoints


def left(project: Path) -> list[str]:
    return sorted(path.name for path in project.iterdir())


@contextlib.contextmanager
def sandbox(program: Path, folder: Path) -> Iterator[None]:
    """Run a process that looks like the helper of a sandbox in a folder."""
    program.symlink_to(sys.executable)
    code = "import sys; print(flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [program, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    with process:
        yield


async def test_what_a_sandbox_has_left_is_removed_and_what_was_there_or_is_used_is_not(
    tmp_path: Path,
) -> None:
    (tmp_path / ".agents").mkdir()
    async with MountPoints().at_work(str(tmp_path)):
        (tmp_path / ".git").mkdir()
        (tmp_path / ".codex").mkdir()
        (tmp_path / ".codex" / "runs").mkdir()
        (tmp_path / ".aws").symlink_to(tmp_path / ".agents")
    assert left(tmp_path) == [".agents", ".aws", ".codex"]


async def test_nothing_is_removed_while_somebody_works_in_the_project(tmp_path: Path) -> None:
    points = MountPoints()
    async with points.at_work(str(tmp_path)):
        (tmp_path / ".git").mkdir()
        async with points.at_work(str(tmp_path)):
            pass
        assert left(tmp_path) == [".git"]
    assert left(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
async def test_a_sandbox_that_is_at_work_keeps_its_mount_points(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    points = MountPoints()
    program = tmp_path_factory.mktemp("bin") / "codex-linux-sandbox"
    with sandbox(program, tmp_path):
        async with points.at_work(str(tmp_path)):
            (tmp_path / ".git").mkdir()
        # The next work finds it there, which does not make it the user's.
        async with points.at_work(str(tmp_path)):
            pass
        await points.remove(str(tmp_path))
        assert left(tmp_path) == [".git"]
    await points.remove(str(tmp_path))
    assert left(tmp_path) == []


@pytest.mark.parametrize("folder", ["", "a\0b"])
async def test_a_project_that_is_not_known_or_no_path_is_left_alone(folder: str) -> None:
    async with MountPoints().at_work(folder):
        pass
