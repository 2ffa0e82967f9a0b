"""Search for text in the files of a folder, with ripgrep as a child process.

The child works in the folder's descriptor, its output is parsed as it arrives, and the child is
killed after enough hits, at the time limit, or when the caller leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
from asyncio import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from pathlib import Path

from codexmcp.data_classes import dataclass
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
from codexmcp.workspace.search.watch import FindObstacle, StallWatch
from codexmcp.workspace.threads import SEARCHES

TIMEOUT_S = 30.0
"""Bound on a search, and on its wait for others."""

MAX_AT_ONCE = 4
"""Bound on concurrent searches: each uses all available processors."""

_MAX_TOLD_BYTES = 2000
_FAILED = 2
_ENDINGS = {0, 1, _FAILED}

_GATHER_S = 0.003
_CHUNK_BYTES = 256 * 1024
_MUCH_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        matches: The lines, ordered by path and number.
        incomplete: The reason for possibly missing lines; None for a complete result.
    """

    matches: list[Match]
    incomplete: str | None


@dataclass(frozen=True, slots=True)
class _Target:
    """The target of ripgrep: its folder, or its stdin."""

    folder: int | None = None
    cwd: str | None = None
    file: int = subprocess.DEVNULL

    @property
    def argument(self) -> str:
        return STDIN if self.folder is None else EVERYTHING


class Searcher:
    """Search in the roots, with a bound on concurrent searches.

    Args:
        roots: The roots.
        ripgrep: The program; None means the installation's own.
        timeout_s: Bound on a search.
    """

    def __init__(
        self, roots: Roots, ripgrep: Path | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._roots = roots
        self._ripgrep = ripgrep
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    async def search(self, place: Location, query: Query, limit: int) -> SearchResult:
        """Return the matching lines.

        Args:
            place: A folder or a file.
            query: The query.
            limit: Bound on the lines; beyond it the choice is arbitrary.

        Raises:
            WorkspaceError: The location or pattern is not usable, or ripgrep is missing.
        """
        program = self._ripgrep or find_ripgrep()
        withheld = self._roots.withheld_below(place)
        async with SEARCHES.opened(_opened(self._roots, place)) as target:
            arguments = arguments_of(query, target.argument, limit + 1, withheld)
            has_rules = target.folder is not None and not query.with_ignored
            watch = StallWatch(self._finder(place, query) if has_rules else None)
            async with self._slot(), _running(program, arguments, target) as (child, output):
                hits, incomplete = await self._collect(child, output, limit, watch)
            matches = await SEARCHES.run(checked, self._roots, place, hits)
        if len(matches) < len(hits):
            incomplete = incomplete or "some files changed while they were searched"
        return SearchResult(matches, incomplete)

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
        self, child: subprocess.Process, output: int, limit: int, watch: StallWatch
    ) -> tuple[list[Hit], str | None]:
        reader = Hits()
        hits: list[Hit] = []
        try:
            async with asyncio.timeout(self._timeout_s) as bound, watch.over(bound):
                async for data in _gathered(output):
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
            raise WorkspaceError(f"invalid search: {told}")
        if code not in _ENDINGS:
            return hits, f"ripgrep ended unexpectedly (exit code {code}); try again"
        if reader.left_out:
            return hits, f"{reader.left_out} lines of enormous length were left out"
        return hits, "some files could not be read" if code == _FAILED else None


def _waiting_for(obstacle: str) -> str:
    return (
        f"{obstacle}, and the search waited there for ignore rules; delete it, or "
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
    """Provide ripgrep as a child process and its output; the child ends with the context."""
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
                # macOS refuses signals to a group right after its end.
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
            # ripgrep needs no environment, and some variables could change its behaviour.
            env={},
            preexec_fn=enter,
            start_new_session=True,
        )
    except OSError as error:
        raise WorkspaceError(
            f"ripgrep cannot be started ({program}: {error.strerror}); reinstall it"
        ) from None


async def _first(output: asyncio.StreamReader | None) -> str:
    assert output is not None
    return (await output.read(_MAX_TOLD_BYTES)).decode("utf-8", "replace").strip()


async def _gathered(pipe: int) -> AsyncIterator[bytes]:
    """Yield the data of a pipe in batches of a few milliseconds, until its other end is closed.

    ripgrep writes once per file with a hit. A wake-up per write costs several times the reading,
    and takes processor time from ripgrep.

    Args:
        pipe: The descriptor of the reading end; becomes non-blocking.
    """
    os.set_blocking(pipe, False)
    while True:
        await _readable(pipe)
        data = os.read(pipe, _CHUNK_BYTES)
        if not data:
            return
        yield data
        if len(data) < _MUCH_BYTES:
            await asyncio.sleep(_GATHER_S)


async def _readable(pipe: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(pipe)
