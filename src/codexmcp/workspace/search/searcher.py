"""Searches for text in the files of a folder, with ripgrep as a child process.

The child works in the folder's descriptor, its output is read as it comes, and it is killed when
enough was found, when the time is over, or when the caller goes away.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from asyncio import subprocess
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.checking import Match, checked
from codexmcp.workspace.search.command import (
    EVERYTHING,
    STDIN,
    Query,
    arguments_of,
    find_ripgrep,
)
from codexmcp.workspace.search.hits import Hit, Hits
from codexmcp.workspace.search.obstacles import find_obstacle
from codexmcp.workspace.search.output import gathered
from codexmcp.workspace.search.watch import FindObstacle, Watch
from codexmcp.workspace.threads import SEARCHES

TIMEOUT_S = 30.0
"""How long a search may take, and how long it waits for others to end."""

MAX_AT_ONCE = 4
"""How many searches run at the same time: each takes all processors that it gets."""

_MAX_TOLD_BYTES = 2000
_FAILED = 2
_ENDINGS = {0, 1, _FAILED}


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        matches: The lines, ordered by path and number.
        incomplete: Why there may be more; None when these are all.
    """

    matches: list[Match]
    incomplete: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    """What ripgrep searches: its folder, or what it reads."""

    folder: int | None = None
    cwd: str | None = None
    file: int = subprocess.DEVNULL

    @property
    def argument(self) -> str:
        return STDIN if self.folder is None else EVERYTHING


class Searcher:
    """Searches in the roots, a few searches at a time.

    Args:
        roots: The roots.
        ripgrep: The program; None for the one of this installation.
        timeout_s: How long a search may take.
    """

    def __init__(
        self, roots: Roots, ripgrep: Path | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._roots = roots
        self._ripgrep = ripgrep
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def search(self, place: Location, query: Query, limit: int) -> Found:
        """Return the lines that match.

        Args:
            place: A folder, or a file.
            query: What to search for.
            limit: How many lines at most; when there are more, which ones is left to chance.

        Raises:
            WorkspaceError: The place or the pattern cannot be used, or there is no ripgrep.
        """
        program = self._ripgrep or find_ripgrep()
        withheld = self._roots.withheld_below(place)
        async with SEARCHES.opened(_opened(self._roots, place)) as target:
            arguments = arguments_of(query, target.argument, limit + 1, withheld)
            has_rules = target.folder is not None and not query.with_ignored
            watch = Watch(self._finder(place, query) if has_rules else None)
            async with self._slot(), _running(program, arguments, target) as (child, output):
                hits, incomplete = await self._collect(child, output, limit, watch)
            matches = await SEARCHES.run(checked, self._roots, place, hits)
        if len(matches) < len(hits):
            incomplete = incomplete or "some files changed while they were searched"
        return Found(matches, incomplete)

    def _finder(self, place: Location, query: Query) -> FindObstacle:
        with_hidden = query.with_hidden
        return lambda stop: find_obstacle(self._roots, place, stop, with_hidden=with_hidden)

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncGenerator[None]:
        try:
            await asyncio.wait_for(self._slots.acquire(), self._timeout_s)
        except TimeoutError:
            raise WorkspaceError(
                f"{MAX_AT_ONCE} other searches are still running; try again later"
            ) from None
        try:
            yield
        finally:
            self._slots.release()

    async def _collect(
        self, child: subprocess.Process, output: int, limit: int, watch: Watch
    ) -> tuple[list[Hit], str | None]:
        reader = Hits()
        hits: list[Hit] = []
        try:
            async with asyncio.timeout(self._timeout_s) as bound, watch.over(bound):
                async for data in gathered(output):
                    hits += reader.feed(data)
                    if len(hits) > limit:
                        return hits[:limit], f"more than {limit} lines match"
                told = await _first(child.stderr)
                code = await child.wait()
        except TimeoutError:
            if watch.obstacle is not None:
                return hits, _waiting_for(watch.obstacle)
            return hits, f"the search took longer than {self._timeout_s:g} s; narrow it"
        if code == _FAILED and told:
            raise WorkspaceError(f"this cannot be searched for: {told}")
        if code not in _ENDINGS:
            return hits, f"ripgrep ended by accident (exit code {code}); try again"
        if reader.left_out:
            return hits, f"{reader.left_out} lines of enormous length were left out"
        return hits, "some files could not be read" if code == _FAILED else None


def _waiting_for(obstacle: str) -> str:
    return (
        f"{obstacle}, and the search waited there for rules of what to leave out; delete it, or "
        "search with include_ignored"
    )


@contextlib.contextmanager
def _opened(roots: Roots, place: Location) -> Generator[_Target]:
    if roots.is_file(place):
        with roots.open_file(place) as (file, _):
            yield _Target(file=file)
    else:
        with roots.open_dir(place) as folder:
            yield _Target(folder.fd, folder.child_cwd)


@contextlib.asynccontextmanager
async def _running(
    program: Path, arguments: list[str], target: _Target
) -> AsyncGenerator[tuple[subprocess.Process, int]]:
    """Give ripgrep as a child process, which has ended when the context has, and its output."""
    output, childs_output = os.pipe()
    with contextlib.ExitStack() as opened:
        opened.callback(os.close, output)
        try:
            child = await _started(program, arguments, target, childs_output)
        finally:
            os.close(childs_output)
        try:
            yield child, output
        finally:
            if child.returncode is None:
                # macOS refuses to signal a group that has only just ended.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                await child.wait()


async def _started(
    program: Path, arguments: list[str], target: _Target, output: int
) -> subprocess.Process:
    enter = None
    if target.folder is not None and target.cwd is None:
        enter = functools.partial(os.fchdir, target.folder)
    try:
        return await asyncio.create_subprocess_exec(
            str(program),
            *arguments,
            stdin=target.file,
            stdout=output,
            stderr=subprocess.PIPE,
            cwd=target.cwd,
            # Nothing of the environment is of use to it, and some of it could change what it does.
            env={},
            preexec_fn=enter,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkspaceError(
            f"ripgrep cannot be started ({program}: {error.strerror}); install it anew"
        ) from None


async def _first(output: asyncio.StreamReader | None) -> str:
    assert output is not None
    return (await output.read(_MAX_TOLD_BYTES)).decode("utf-8", "replace").strip()
