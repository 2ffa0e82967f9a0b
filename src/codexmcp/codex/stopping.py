"""Stops a tree: all turns on a thread and its descendants, and all their commands.

Source (measured on 0.153.4, 0.163.0 and 0.171.0): interrupting a thread leaves sub-agents and all
commands at work, so each thread is interrupted and cleaned separately; an accepted turn cannot be
interrupted before `turn/started`, about 20 ms later; `thread/goal/clear` is refused for sub-agents,
whose goals end with the interrupt because of the inherited `features.goals=false`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event, TurnStarted
from codexmcp.appserver.orphans import end_adopted, end_carriers
from codexmcp.appserver.sandboxes import end_commands_of_thread
from codexmcp.data_classes import dataclass
from codexmcp.errors import AppServerError, DeadlineError, RequestError

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 10.0
"""Bound on stopping a tree; each thread takes about 10 ms."""

ROUND_S = 0.5
"""Bound on a round of interrupts, before the threads are checked again."""

STRAGGLERS_S = (0.05, 0.15, 0.3, 0.5, 1.0)
"""Pauses between searches for commands that were starting during the stop, in seconds. A sandbox
takes 0.05 s to start, and a second on a busy machine."""

BEGIN_TIMEOUT_S = 8.0
"""Bound on the start of an accepted turn on an idle thread."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The result of stopping a tree.

    Attributes:
        cut: Paths of the interrupted sub-agents.
        is_quiet: Nothing of the tree is running.
    """

    cut: tuple[str, ...] = ()
    is_quiet: bool = True


async def stop_tree(server: AppServer, thread_id: str, awaited: str | None = None) -> Stopped:
    """Interrupt every turn of a tree and end its commands; never raises.

    Args:
        server: The app-server.
        thread_id: The root of the tree.
        awaited: A turn of the root that Codex accepted but has not begun. Empty: unknown id. None:
            no such turn.
    """
    stopping = _Stopping(server, thread_id, awaited)
    try:
        with server.listen(thread_id, stopping.on_event):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await stopping.run()
    except TimeoutError:
        logger.warning("the tree of thread %s did not stop within %g s", thread_id, STOP_TIMEOUT_S)
        return Stopped(tuple(stopping.cut), is_quiet=False)
    except AppServerError as error:
        logger.info("app-server ended while thread %s was stopped: %s", thread_id, error)
    return Stopped(tuple(stopping.cut))


async def end_stragglers(server: AppServer, threads: Collection[str]) -> None:
    """End the commands that were starting during the stop of their threads.

    Source: Codex 0.163.0 forgets such a command, so neither `backgroundTerminals/clean` nor an
    unload of the thread ends the command.

    Args:
        server: The app-server; may have ended.
        threads: The stopped threads. A thread with a new turn is skipped.
    """
    for pause_s in STRAGGLERS_S:
        await asyncio.sleep(pause_s)
        if server.closed.is_set():
            # A killed Codex leaves the command that it was just starting (seen on 0.163.0).
            await asyncio.to_thread(end_carriers, threads)
            continue
        agents = [sibling.agents for sibling in server.siblings]
        resting = [each for each in threads if not any(one.turn(each) for one in agents)]
        for each in resting:
            await end_commands_of_thread(server.pid, each)
        end_adopted(resting)


class _Stopping:
    def __init__(self, server: AppServer, thread_id: str, awaited: str | None) -> None:
        self._server = server
        self._root = thread_id
        self._awaited = awaited
        self._news = asyncio.Event()
        self.cut: list[str] = []

    def on_event(self, event: Event) -> None:
        begins = isinstance(event, TurnStarted) and event.thread_id == self._root
        if begins and self._awaited in {"", event.turn_id}:
            self._awaited = None
        self._news.set()

    async def run(self) -> None:
        began = asyncio.get_running_loop().time()
        while True:
            while await self._is_busy(began):
                self._news.clear()
                await self._round()
            if self._server.closed.is_set():
                return
            tree = self._server.agents.tree(self._root)
            await asyncio.gather(*map(self._server.clean_background_terminals, tree))
            # A sub-agent may have started during the interrupt of its parent.
            if not self._server.agents.busy(self._root):
                return

    async def _is_busy(self, began: float) -> bool:
        if self._server.closed.is_set():
            return False
        if self._server.agents.busy(self._root):
            return True
        if self._awaited is None:
            return False
        waited_s = asyncio.get_running_loop().time() - began
        return waited_s < BEGIN_TIMEOUT_S or not await self._rests(self._root)

    async def _round(self) -> None:
        """Interrupt each known turn, and wait for the effect."""
        agents = self._server.agents
        busy = agents.busy(self._root)
        for each in busy:
            if (path := agents.path(each)) and path not in self.cut:
                self.cut.append(path)
        turns = [(each, agents.turn(each)) for each in busy]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROUND_S):
                # Codex up to 0.163.0 never answers an interrupt of a just ended turn.
                await asyncio.gather(
                    *(self._server.interrupt_turn(each, turn) for each, turn in turns if turn)
                )
                await self._news.wait()
                return
        for each in busy:
            if await self._rests(each):
                # Codex did not report the end.
                agents.mark_idle(each)

    async def _rests(self, thread_id: str) -> bool:
        try:
            return await self._server.is_idle(thread_id)
        except DeadlineError:
            return False
        except RequestError:
            return True
