"""The real Codex, with a scripted model in place of a paid one."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event, ItemStarted
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.codex.access import provider_overrides, retry_overrides
from codexmcp.codex.turns import Turn, TurnLimits, TurnResult, run_turn
from codexmcp.testing import ScriptedModel
from tests.support.builds import pinned_codex

BOUND_S = 60.0
LIMITS = TurnLimits(timeout_s=BOUND_S)

# Not the sandbox is tested here, and it needs more of the machine than Codex itself.
UNCONFINED = ThreadOptions(sandbox="danger-full-access", approval_policy="never")


def environment(home: Path) -> dict[str, str]:
    """Return a whole environment for Codex that names a home, without the checkout's `.env`."""
    named = {"HOME": str(home), "CODEX_HOME": str(home), "CODEXMCP_ENV_FILE": os.devnull}
    return {"PATH": os.environ["PATH"], **named}


def launch_options(
    home: Path, base_url: str | None = None, *, codex: Path | None = None
) -> LaunchOptions:
    """Return how to start an app-server whose model is at `base_url`; None leaves its own.

    No model is named, so that Codex takes the default of its catalogue, as it does for users.
    """
    access = []
    if base_url is not None:
        access = [*retry_overrides(1), *provider_overrides(base_url)]
    return LaunchOptions(
        codex=codex or pinned_codex(), env=environment(home), overrides=access, cwd=home
    )


class Listener:
    """Keeps a turn's events, and can wait for one.

    Attributes:
        events: All events so far.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._waiters: list[tuple[str, asyncio.Event]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        for name, seen in self._waiters:
            if name in names_of(event):
                seen.set()

    async def wait_for(self, name: str) -> Event:
        """Return the first event of a method, or the first start of an item of a type."""
        seen = asyncio.Event()
        self._waiters.append((name, seen))
        if not any(name in names_of(event) for event in self.events):
            await asyncio.wait_for(seen.wait(), BOUND_S)
        return next(event for event in self.events if name in names_of(event))


def names_of(event: Event) -> set[str]:
    """Return what an event may be waited for by."""
    return {event.method, event.item.type if type(event) is ItemStarted else ""}


class Conversation:
    """A thread of a real app-server."""

    def __init__(self, server: AppServer, thread_id: str) -> None:
        self.server = server
        self.thread_id = thread_id
        self.heard = Listener()

    async def say(self, prompt: str, limits: TurnLimits = LIMITS) -> TurnResult:
        """Run one turn."""
        items = [text_input(prompt)]
        return await run_turn(
            self.server, self.thread_id, Turn(items, limits=limits, on_event=self.heard)
        )

    def begin(self, prompt: str) -> asyncio.Task[TurnResult]:
        """Start one turn."""
        return asyncio.create_task(self.say(prompt))


@contextlib.asynccontextmanager
async def conversation(home: Path, model: ScriptedModel) -> AsyncIterator[Conversation]:
    """Give a new thread of an app-server of its own."""
    async with AppServer.launch(launch_options(home, model.base_url)) as server:
        yield Conversation(server, (await server.start_thread(UNCONFINED)).id)
