"""A file system that does not answer, and who has to wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
from collections.abc import Generator
from os import stat_result
from pathlib import Path

import pytest

from codexmcp.http.gate import GateBounds
from codexmcp.workspace import threads
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.locations import Location, Root
from codexmcp.workspace.paths.roots import ConfinedDir, Roots
from codexmcp.workspace.portfolio_tools import portfolio_tools
from tests.support.http_door import opened
from tests.support.processes import until
from tests.support.still_clock import StillClock

BOUND_S = 20.0


class StalledRoots(Roots):
    """Roots on a file system that answers only once it is told to.

    Args:
        folder: The only one.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__([Root(str(folder), str(folder), is_first=True)])
        self.reached = 0
        self.released = threading.Event()

    @contextlib.contextmanager
    def open_dir(self, place: Location, *, to_list: bool = True) -> Generator[ConfinedDir]:
        """Give a folder, late."""
        self._stall()
        with super().open_dir(place, to_list=to_list) as folder:
            yield folder

    @contextlib.contextmanager
    def open_file(self, place: Location) -> Generator[tuple[int, stat_result]]:
        """Give a file, late."""
        self._stall()
        with super().open_file(place) as file:
            yield file

    def _stall(self) -> None:
        self.reached += 1
        assert self.released.wait(BOUND_S), "nobody has let the file system go on"


@pytest.mark.parametrize(
    ("tool", "arguments", "found"),
    [
        ("agentOS_fs_list", {"path": "."}, "entries"),
        ("agentOS_fs_read", {"path": "a.txt"}, "content"),
        ("agentOS_fs_search", {"path": ".", "pattern": "one"}, "matches"),
        ("agentOS_fs_search", {"path": "a.txt", "pattern": "one"}, "matches"),
    ],
)
async def test_a_file_system_that_stalls_holds_up_nobody_else(
    tmp_path: Path, tool: str, arguments: dict[str, str], found: str
) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    roots = StalledRoots(tmp_path)
    async with opened(tmp_path, tools=file_tools(roots)) as door:
        call = asyncio.create_task(door.tool(tool, **arguments))
        try:
            await until(lambda: roots.reached or call.done(), "the call is in the file system")
            assert (await door.ask("/healthz")).status == 200
            assert (await door.rpc("tools/list")).status == 200
            assert not call.done()
        finally:
            roots.released.set()
            answer = await asyncio.wait_for(call, BOUND_S)
    assert answer[found]


def repository(folder: Path) -> Path:
    """Make a repository with something to commit."""
    folder.mkdir()
    for words in (["init", "-q"], ["config", "user.name", "N"], ["config", "user.email", "e@x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S607 - the one of PATH
    (folder / "a.txt").write_text("one\n")
    return folder


async def test_ever_so_many_stalled_calls_leave_git_and_telemetry_and_the_portfolio_their_threads(
    tmp_path: Path,
) -> None:
    roots, project = StalledRoots(tmp_path), repository(tmp_path / "project")
    git = git_tools(Roots.parse(str(project), tmp_path), GitPolicy(dict(os.environ)))
    tools = [*file_tools(roots), *portfolio_tools(tmp_path / "portfolio"), *git]
    async with opened(tmp_path, tools=tools) as door:
        calls = [asyncio.create_task(door.tool("agentOS_fs_list")) for _ in range(100)]
        try:
            most = threads.FILES.most
            await until(lambda: roots.reached == most, "every thread of the files is held up")
            committed = await door.tool("agentOS_git_commit", cwd=str(project), message="m")
            assert committed["commit"]
            assert await door.tool("list_portfolio_files") == {"files": []}
            sent = {"command": "make"}
            assert (await door.post("/command-log", sent)).status == 200
            await until(door.persist.exists, "telemetry is on the disk")
            assert roots.reached == most
        finally:
            roots.released.set()
            answers = await asyncio.wait_for(asyncio.gather(*calls), BOUND_S)
    assert all(answer["entries"] for answer in answers)


async def test_who_comes_when_all_threads_are_held_up_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "STALLED_S", 0.0)
    roots = StalledRoots(tmp_path)
    async with opened(tmp_path, tools=file_tools(roots)) as door:
        most = threads.FILES.most
        calls = [asyncio.create_task(door.tool("agentOS_fs_list")) for _ in range(most)]
        try:
            await until(lambda: roots.reached == most, "every thread of the files is held up")
            assert "waited for a file system" in await door.failing("agentOS_fs_list")
        finally:
            roots.released.set()
            await asyncio.wait_for(asyncio.gather(*calls), BOUND_S)
        assert (await door.tool("agentOS_fs_list"))["entries"]


async def test_who_waits_for_a_thread_when_all_are_held_up_is_told_so_and_leaves_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StillClock()
    monkeypatch.setattr(threads, "STALLED_S", 0.05)
    monkeypatch.setattr(threads, "time", clock)
    roots, most, bounds = StalledRoots(tmp_path), threads.FILES.most, GateBounds(at_once=40)
    tools = [*file_tools(roots), *portfolio_tools(tmp_path / "portfolio")]
    async with opened(tmp_path, tools=tools, bounds=bounds) as door:
        held_up = [asyncio.create_task(door.tool("agentOS_fs_list")) for _ in range(most)]
        try:
            await until(lambda: roots.reached == most, "every thread of the files is held up")
            waiting = [
                asyncio.create_task(door.failing("agentOS_fs_list"))
                for _ in range(bounds.at_once - most)
            ]

            async with asyncio.timeout(BOUND_S):
                while (await door.rpc("tools/list")).status != 503:
                    assert not any(call.done() for call in waiting)
            clock.now += 1
            for told in await asyncio.wait_for(asyncio.gather(*waiting), BOUND_S):
                assert "waited for a file system" in told
            assert await door.tool("list_portfolio_files") == {"files": []}
        finally:
            roots.released.set()
            await asyncio.wait_for(asyncio.gather(*held_up), BOUND_S)
        assert roots.reached == most
        assert (await door.tool("agentOS_fs_list"))["entries"]
