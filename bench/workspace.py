"""Subject `search`: the tool `agentOS_fs_search` over 100,000 files, beside ripgrep itself."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from bench.clock import Stopwatch
from bench.harness import Driver, Sample, Subject
from bench.stage import Stage
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.command import find_ripgrep
from codexmcp.workspace.tool import WorkspaceTool

_MANY, _QUICK_MANY = 100_000, 2_000
_PER_FOLDER = 100
_LIMIT = 1000
_LINES = "".join(f"line {number} of a file like many others\n" for number in range(20))
_MARKS = {"absent": 0, "rare": 100, "usual": _LIMIT}
"""What is searched for, and in how many files it is."""


@contextlib.contextmanager
def open_subject(stage: Stage) -> Generator[Subject, None, None]:
    """Give the subject."""
    many = _QUICK_MANY if stage.quick else _MANY
    with (
        tempfile.TemporaryDirectory(dir=stage.root) as name,
        asyncio.Runner() as runner,
    ):
        folder = Path(name)
        _fill(folder, many)
        tools = file_tools(Roots.parse(str(folder), folder))
        tool = next(tool for tool in tools if tool.name == "agentOS_fs_search")
        yield Subject(
            [
                Driver("ripgrep", lambda: _ripgrep(folder)),
                Driver("agentOS_fs_search", lambda: _tool(runner, tool)),
            ]
        )


def _fill(folder: Path, count: int) -> None:
    marked = {mark: count // files if files else 0 for mark, files in _MARKS.items()}
    for number in range(count):
        place = folder / f"{number // _PER_FOLDER:04}"
        if number % _PER_FOLDER == 0:
            place.mkdir()
        marks = "".join(f"{mark} mark\n" for mark, each in marked.items() if _has(number, each))
        (place / f"{number}.txt").write_text(_LINES + marks)


def _has(number: int, each: int) -> bool:
    return each > 0 and number % each == 0


def _ripgrep(folder: Path) -> Sample:
    sample = {}
    for mark, count in _MARKS.items():
        watch = Stopwatch()
        command = [
            str(find_ripgrep()),
            "--no-config",
            "--fixed-strings",
            "-e",
            f"{mark} mark",
            "./",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        sample[_metric(mark)] = watch.lap_ms()
        assert done.stdout.count(b"\n") == count
    return sample


def _tool(runner: asyncio.Runner, tool: WorkspaceTool) -> Sample:
    sample = {}
    for mark, count in _MARKS.items():
        watch = Stopwatch()
        answer = runner.run(_search(tool, f"{mark} mark"))
        sample[_metric(mark)] = watch.lap_ms()
        assert len(answer["matches"]) == count
        assert answer["incomplete"] is None
    return sample


async def _search(tool: WorkspaceTool, pattern: str) -> dict[str, Any]:
    return await tool.run({"pattern": pattern, "limit": _LIMIT})


def _metric(mark: str) -> str:
    return f"{mark}, {_MARKS[mark]} lines, ms"
