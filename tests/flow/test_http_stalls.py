"""A file system that does not answer, and who has to wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator
from os import stat_result
from pathlib import Path

import pytest

from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.paths.locations import Location, Root
from codexmcp.workspace.paths.roots import ConfinedDir, Roots
from tests.support.http_door import opened
from tests.support.processes import until

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
    ("tool", "path", "found"),
    [("agentOS_fs_list", ".", "entries"), ("agentOS_fs_read", "a.txt", "content")],
)
async def test_a_file_system_that_stalls_holds_up_nobody_else(
    tmp_path: Path, tool: str, path: str, found: str
) -> None:
    (tmp_path / "a.txt").write_text("one\n")
    roots = StalledRoots(tmp_path)
    async with opened(tmp_path, tools=file_tools(roots)) as door:
        call = asyncio.create_task(door.tool(tool, path=path))
        try:
            await until(lambda: roots.reached or call.done(), "the call is in the file system")
            assert (await door.ask("/healthz")).status == 200
            assert (await door.rpc("tools/list")).status == 200
            assert not call.done()
        finally:
            roots.released.set()
            answer = await asyncio.wait_for(call, BOUND_S)
    assert answer[found]
