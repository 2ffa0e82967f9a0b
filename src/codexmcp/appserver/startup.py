"""Waiting for the start of app-server, and new starts after interference by other processes.

Promises: a start with progress is not cut off, a stalled start is; leftovers of a killed process
block no start. See `backfill` for the facts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeVar

from codexmcp.appserver import backfill
from codexmcp.appserver.backfill import Backfill
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.errors import AppServerClosedError

logger = logging.getLogger(__name__)

LOOK_S = 1.0
"""Interval between checks of the claim; shorter starts are not checked at all."""

STALLED_S = 900.0
"""Bound on stalled indexing. Source: the lifetime of a claim; Codex renews a claim after each
200 conversations, which took 118 s with 6 MB each (github.com/stablyai/orca/issues/20669)."""

TRIES = 4
"""Number of start attempts; all but the last were delayed by another process."""

COLLISION_TRIES = 6
COLLISION_PAUSE_S = 0.1
"""Number of starts, and the first pause between them, after a collision with another process; the
pause doubles. Source: of two app-servers that make the databases of a new home at once, one always
fails, up to four times in a row without a pause (measured on 0.163.0)."""

_TELL_S = 10.0
_TOLD_CHARS = 120
_HELD_UP = "state db backfill"
_COLLIDED = "failed to initialize state runtime"

_T = TypeVar("_T")


class StartCollisionError(AppServerClosedError):
    """Another process interfered with a start; the next start can succeed."""


class _HeldUpError(Exception):
    """A start waits for another process, living or killed."""


class StartupWait:
    """Guards a start of app-server.

    Args:
        options: Launch options. None: already running.
        on_stderr: Called with each line of app-server's stderr.
    """

    def __init__(
        self, options: LaunchOptions | None, on_stderr: Callable[[str], None] | None = None
    ) -> None:
        self._home = None if options is None else options.home
        self._options = options
        self._on_stderr = on_stderr
        self._waits = False
        self._collided = False
        self._told = time.monotonic()

    def on_stderr(self, line: str) -> None:
        """Handle a line of app-server's stderr."""
        self._waits = self._waits or _HELD_UP in line
        self._collided = self._collided or _COLLIDED in line
        if self._on_stderr is not None:
            self._on_stderr(line)

    async def run(self, start: Callable[[], Awaitable[_T]]) -> _T:
        """Start app-server, again after delays by other processes.

        Args:
            start: Starts app-server, with all waits under `bound`; cleans up after a failure.

        Raises:
            AppServerClosedError: The start failed, or the other processes make no progress.
        """
        tries, collisions = 1, 0
        while True:
            self._waits = self._collided = False
            try:
                return await start()
            except _HeldUpError:
                if tries == TRIES:
                    raise self._stuck(f"{TRIES} starts did not finish in time") from None
            except AppServerClosedError as error:
                collided = self._collided or isinstance(error, StartCollisionError)
                if collided and collisions < COLLISION_TRIES - 1:
                    await asyncio.sleep(COLLISION_PAUSE_S * 2**collisions)
                    collisions += 1
                    await self._clear()
                    continue
                # Without a readable claim, another try would only wait as long again.
                if tries == TRIES or not self._waits or await self._claim() is None:
                    raise
            await self._clear()
            await self._until_free()
            tries += 1

    @contextlib.asynccontextmanager
    async def bound(self, timeout_s: float) -> AsyncGenerator[None]:
        """Bound a wait of the start; the bound is `STALLED_S` while Codex is indexing.

        Args:
            timeout_s: The bound without indexing, in seconds.

        Raises:
            TimeoutError: The bound was reached.
        """
        bound = asyncio.timeout(timeout_s)
        looking: asyncio.Task[bool] | None = None
        try:
            async with bound:
                looking = asyncio.create_task(self._look_after(bound, timeout_s))
                try:
                    yield
                finally:
                    looking.cancel()
                    await asyncio.wait({looking})
        except TimeoutError:
            if looking is not None and _tells(looking):
                raise _HeldUpError from None
            raise

    async def _look_after(self, bound: asyncio.Timeout, timeout_s: float) -> bool:
        """Extend a bound during indexing; return True if another process delays the start."""
        loop, seen = asyncio.get_running_loop(), None
        while True:
            await asyncio.sleep(LOOK_S)
            claim = await self._claim()
            if bound.expired():
                return False
            if claim is not None and claim == seen and self._waits:
                # Another owner of the claim can be detected only without the own app-server.
                bound.reschedule(loop.time())
                return True
            if claim is not None and claim != seen and not claim.has_expired:
                bound.reschedule(loop.time() + STALLED_S)
                self._tell(claim)
            elif claim is None and seen is not None:
                bound.reschedule(loop.time() + timeout_s)
            seen = claim

    async def _clear(self) -> None:
        if self._options is not None and self._options.clear is not None:
            await self._options.clear()

    async def _until_free(self) -> None:
        """Wait while another process indexes; the own process has ended."""
        seen, since = None, time.monotonic()
        while (claim := await self._claim()) is not None and not claim.has_expired:
            if await asyncio.to_thread(backfill.is_abandoned, claim):
                if await asyncio.to_thread(backfill.give_up, claim):
                    logger.warning(
                        "a killed Codex left its index of past conversations in %s unfinished; the "
                        "next Codex continues the index",
                        claim.file,
                    )
                return
            if claim != seen:
                seen, since = claim, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                raise self._stuck(f"another Codex made no progress for {STALLED_S:g} s")
            self._tell(claim)
            await asyncio.sleep(LOOK_S)

    async def _claim(self) -> Backfill | None:
        if self._options is None or self._home is None:
            return None
        return await asyncio.to_thread(_read, self._options)

    def _tell(self, claim: Backfill) -> None:
        """Log the reason for a slow start from time to time."""
        if time.monotonic() - self._told >= _TELL_S:
            self._told = time.monotonic()
            logger.warning(
                "Codex indexes its past conversations before the start, once per home; indexed up "
                "to %s",
                ascii(claim.done_to[-_TOLD_CHARS:]) if claim.done_to else "the first conversations",
            )

    def _stuck(self, reason: str) -> AppServerClosedError:
        return AppServerClosedError(
            f"Codex does not start before its past conversations in {self._home} are indexed, "
            f"and {reason}: end every Codex that uses this home, and try again"
        )


def _read(options: LaunchOptions) -> Backfill | None:
    folder = backfill.state_folder(options)
    return None if folder is None else backfill.standing_claim(folder)


def _tells(looking: asyncio.Task[bool]) -> bool:
    """Return whether a finished check reports a delay by another process."""
    if not looking.done() or looking.cancelled() or looking.exception():
        return False
    return looking.result()
