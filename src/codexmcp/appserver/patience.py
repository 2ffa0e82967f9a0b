"""The patience that the start of app-server needs while past conversations are indexed.

Promises: a start that gets on is not cut off, one that does not is; and what a killed process has
left half done holds up nobody. See `backfill` for the facts.
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
"""How often the claim is looked at; starts that take less are not looked at at all."""

STALLED_S = 900.0
"""Bound on indexing that gets nowhere. Source: for so long a claim counts; it is renewed after each
200 conversations, which took 118 s where each was 6 MB (github.com/stablyai/orca/issues/20669)."""

TRIES = 4
"""How many starts are made for one; each but the last was held up by another process."""

_TELL_S = 10.0
_TOLD_CHARS = 120
_HELD_UP = "state db backfill"

_T = TypeVar("_T")


class _HeldUpError(Exception):
    """A start waits for what another process does, or did before it was killed."""


class Patience:
    """Sees one start through.

    Args:
        options: What is started; None for what runs already.
        on_stderr: Is told each line of app-server's stderr.
    """

    def __init__(
        self, options: LaunchOptions | None, on_stderr: Callable[[str], None] | None = None
    ) -> None:
        self._home = None if options is None else options.home
        self._options = options
        self._on_stderr = on_stderr
        self._waits = False
        self._told = time.monotonic()

    def on_stderr(self, line: str) -> None:
        """Take note of a line of app-server's stderr."""
        self._waits = self._waits or _HELD_UP in line
        if self._on_stderr is not None:
            self._on_stderr(line)

    async def see_through(self, start: Callable[[], Awaitable[_T]]) -> _T:
        """Start app-server, again when others held it up.

        Args:
            start: Starts it, with its waits under `bound`; leaves nothing behind when it fails.

        Raises:
            AppServerClosedError: It did not start, or the others get nowhere.
        """
        tries = 0
        while True:
            tries += 1
            self._waits = False
            try:
                return await start()
            except _HeldUpError:
                if tries == TRIES:
                    raise self._stuck(f"{TRIES} starts waited for it in vain") from None
            except AppServerClosedError:
                # Where nothing can be told, it would only wait as long again.
                if tries == TRIES or not self._waits or await self._claim() is None:
                    raise
            await self._clear()
            await self._until_free()

    @contextlib.asynccontextmanager
    async def bound(self, timeout_s: float) -> AsyncGenerator[None]:
        """Bound a wait of the start; the bound is `STALLED_S` while Codex is indexing.

        Args:
            timeout_s: The bound otherwise, in seconds.

        Raises:
            TimeoutError: It was reached.
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
        """Put a bound off while Codex is indexing; return whether others hold it up instead."""
        loop, seen = asyncio.get_running_loop(), None
        while True:
            await asyncio.sleep(LOOK_S)
            claim = await self._claim()
            if bound.expired():
                return False
            if claim is not None and claim == seen and self._waits:
                # Whether somebody works on it can be told only without our own one.
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
        """Wait while another process fills the index; our own one has ended."""
        seen, since = None, time.monotonic()
        while (claim := await self._claim()) is not None and not claim.has_expired:
            if await asyncio.to_thread(backfill.is_abandoned, claim):
                if await asyncio.to_thread(backfill.give_up, claim):
                    logger.warning(
                        "a Codex that was killed has left its index of past conversations in %s "
                        "unfinished; the next one goes on with it",
                        claim.file,
                    )
                return
            if claim != seen:
                seen, since = claim, time.monotonic()
            elif time.monotonic() - since > STALLED_S:
                raise self._stuck(f"another Codex got nowhere with it for {STALLED_S:g} s")
            self._tell(claim)
            await asyncio.sleep(LOOK_S)

    async def _claim(self) -> Backfill | None:
        if self._options is None or self._home is None:
            return None
        return await asyncio.to_thread(_read, self._options)

    def _tell(self, claim: Backfill) -> None:
        """Say from time to time why the start takes so long."""
        if time.monotonic() - self._told >= _TELL_S:
            self._told = time.monotonic()
            logger.warning(
                "Codex indexes its past conversations before it starts, which it does once per "
                "home; it has come to %s",
                ascii(claim.done_to[-_TOLD_CHARS:]) if claim.done_to else "the first ones",
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
    """Return whether a look that has ended tells that others hold the start up."""
    if not looking.done() or looking.cancelled() or looking.exception():
        return False
    return looking.result()
