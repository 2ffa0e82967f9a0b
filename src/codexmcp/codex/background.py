"""Trees that continue after the answer to their call, or that were just stopped.

Sub-agents and background commands of a successful call live on, as with the removed server, with an
owner and under the conversation's idle bound. A stopped tree must not continue: agents that were
starting during the stop are stopped as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event
from codexmcp.codex.stopping import end_stragglers
from codexmcp.codex.threads import KnownThread, Threads
from codexmcp.codex.turns import Stop
from codexmcp.data_classes import dataclass

logger = logging.getLogger(__name__)

GUARD_S = 3.0
"""Time to watch a stopped tree for turns of agents that were starting during the stop, in
seconds."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree without a waiting caller.

    Attributes:
        server: The app-server with the thread.
        known: The root thread.
        owner: The client of the call; the tree ends with the client.
        idle_s: Bound on silence, in seconds. None: unbounded.
        may_go_on: The tree may work; False for a stopped tree.
    """

    server: AppServer
    known: KnownThread
    owner: object
    idle_s: float | None
    may_go_on: bool

    @property
    def is_quiet(self) -> bool:
        """No turn and no command of the tree is running."""
        agents = self.server.agents
        return not agents.busy(self.known.id) and not agents.has_commands(self.known.id)


class BackgroundTrees:
    """The owner of trees without a waiting caller.

    Args:
        threads: The threads of the app-server.
        stop: Stops the tree of a thread.
    """

    def __init__(self, threads: Threads, stop: Stop) -> None:
        self._threads = threads
        self._stop = stop
        self._trees: dict[str, tuple[Tree, asyncio.Task[None]]] = {}
        self._sweeps: set[asyncio.Task[None]] = set()

    def sweep(self, server: AppServer, thread_id: str) -> None:
        """End commands that a just stopped tree still starts, in the background."""
        tree, ours = server.agents.tree(thread_id), self._trees.keys()
        # An attached person may start commands, too.
        threads = [each for each in tree if self._threads.watchers(each) <= (each in ours)]
        task = asyncio.create_task(end_stragglers(server, threads))
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    def follow(self, tree: Tree) -> None:
        """Follow a tree until quiet, or until the watch time is over."""
        if tree.may_go_on and tree.is_quiet:
            return
        task = asyncio.create_task(self._follow(tree))
        self._trees[tree.known.id] = (tree, task)
        task.add_done_callback(self._forgetter(tree))

    def has(self, thread_id: str) -> bool:
        """Return whether a thread belongs to a followed tree."""
        return any(
            root in tree.server.agents.lineage(thread_id) for root, (tree, _) in self._trees.items()
        )

    async def release(self, thread_id: str) -> None:
        """Stop following a tree, because new work on the tree begins."""
        if (found := self._trees.get(thread_id)) is not None:
            await _cancelled([found[1]])

    async def end(self, owner: object) -> None:
        """Stop the trees of a disconnected client."""
        found = [(tree, task) for tree, task in self._trees.values() if tree.owner is owner]
        await _cancelled([task for _, task in found])
        stopping = [self._stop(tree.server, tree.known.id, None) for tree, _ in found]
        await asyncio.gather(*stopping)

    async def close(self) -> None:
        """Stop following all trees: their app-server ends."""
        await _cancelled([*(task for _, task in self._trees.values()), *self._sweeps])

    def _forgetter(self, tree: Tree) -> Callable[[asyncio.Task[None]], None]:
        def forget(task: asyncio.Task[None]) -> None:
            if self._trees.get(tree.known.id, (None, None))[1] is task:
                del self._trees[tree.known.id]
            if not task.cancelled() and (error := task.exception()) is not None:
                logger.error("thread %s is no longer followed", tree.known.id, exc_info=error)

        return forget

    async def _follow(self, tree: Tree) -> None:
        heard = asyncio.Event()

        def on_event(event: Event) -> None:
            heard.set()
            if event.method == "turn/completed":
                logger.info("a turn on thread %s ended after its call", event.thread_id)

        with (
            tree.server.listen(tree.known.id, on_event),
            self._threads.attached(tree.known.id),
        ):
            await (self._while_it_works if tree.may_go_on else self._guarded)(tree, heard)

    async def _while_it_works(self, tree: Tree, heard: asyncio.Event) -> None:
        while not tree.is_quiet and not tree.server.closed.is_set():
            heard.clear()
            try:
                async with asyncio.timeout(tree.idle_s):
                    await heard.wait()
            except TimeoutError:
                logger.warning(
                    "what thread %s left at work was silent for %g s and is stopped",
                    tree.known.id,
                    tree.idle_s,
                )
                await self._stop(tree.server, tree.known.id, None)
                return

    async def _guarded(self, tree: Tree, heard: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(GUARD_S):
                while not tree.server.closed.is_set():
                    heard.clear()
                    if tree.server.agents.busy(tree.known.id):
                        await self._stop(tree.server, tree.known.id, None)
                    await heard.wait()
        except TimeoutError:
            pass


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
