"""Unloading a thread with its sub-agents, to free memory and the writer lock.

Source: with `thread_unload_delay_secs=0`, Codex unloads an idle thread within 10 ms after the last
connection unsubscribes (0.154.0 and later; measured on 0.163.0 and 0.169.0). Otherwise only
archiving unloads a thread, and also archives the sub-agents; to unarchive a thread, 0.163.0 reads
every rollout of the home: 9 ms with none, 5 s beside 11,000.
"""

from __future__ import annotations

import asyncio
import contextlib

from codexmcp.appserver.client import UNARCHIVE_TIMEOUT_S, AppServer
from codexmcp.appserver.events import Event
from codexmcp.errors import AppServerClosedError, RequestError

LEAVE_TIMEOUT_S = 2.0
"""Bound on an unload, which takes 10 ms."""


async def unload(server: AppServer, thread_id: str) -> None:
    """Unload an idle thread, regardless of other subscribers.

    Raises:
        CodexMCPError: The thread may still be loaded.
    """
    agents = await end_commands(server, thread_id)
    if not await _all_left(server, thread_id, agents):
        await _archive(server, thread_id, agents)
    _forget(server, thread_id)


async def leave(server: AppServer, thread_id: str) -> None:
    """Unload an idle thread; with other subscribers, after the last one leaves.

    Raises:
        CodexMCPError: The thread may still be loaded, without subscribers.
    """
    agents = await end_commands(server, thread_id)
    if not await _all_left(server, thread_id, agents) and not server.unloads_on_unsubscribe:
        await _archive(server, thread_id, agents)
    _forget(server, thread_id)


async def end_commands(server: AppServer, thread_id: str) -> list[str]:
    """End the background commands of a tree; return the sub-agents.

    Unloading a thread also ends the commands, but Codex kills the sandbox's helper together with
    them, and the helper's mount points stay in the project.

    Raises:
        CodexMCPError: Commands may still be running.
    """
    agents = _agents(server, thread_id)
    threads = [thread_id, *agents]
    known = {
        each for sibling in server.siblings for each in threads if sibling.agents.has_command(each)
    }
    for each in known:
        await server.clean_background_terminals(each)
    return agents


def _agents(server: AppServer, thread_id: str) -> list[str]:
    """Return the descendants of a thread known to any own connection."""
    known = (each.agents.tree(thread_id)[1:] for each in server.siblings)
    return list(dict.fromkeys(agent for agents in known for agent in agents))


def _forget(server: AppServer, thread_id: str) -> None:
    # Archiving also archives sub-agents that are no longer loaded, which must be unarchived.
    if server.unloads_on_unsubscribe:
        for each in server.siblings:
            each.agents.forget(thread_id)


async def _all_left(server: AppServer, thread_id: str, agents: list[str]) -> bool:
    """Unsubscribe from a thread and its sub-agents; return whether the thread is unloaded."""
    if not server.unloads_on_unsubscribe:
        return False
    for each in agents:
        if not await _left(server, each) and await _works(server, each):
            # The sub-agent would run without an owner.
            await _archive(server, each, [])
    return await _left(server, thread_id)


async def _left(server: AppServer, thread_id: str) -> bool:
    """Unsubscribe all own connections from a thread; return whether the thread is unloaded.

    Source: Codex subscribes every connection to a sub-agent (measured on 0.163.0).
    """
    closed = asyncio.Event()

    def on_event(event: Event) -> None:
        if event.method == "thread/closed" and event.thread_id == thread_id:
            closed.set()

    with contextlib.ExitStack() as stack:
        told: set[object] = set()
        for each in tuple(server.siblings):
            stack.enter_context(each.listen(thread_id, on_event))
            # Another connection may end at this moment, which also unsubscribes.
            with contextlib.suppress(AppServerClosedError):
                answer = await each.call("thread/unsubscribe", {"threadId": thread_id})
                told.add(answer.get("status"))
        if "unsubscribed" in told:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await closed.wait()
    return closed.is_set() or told == {"notLoaded"}


async def _works(server: AppServer, thread_id: str) -> bool:
    try:
        return not await server.is_idle(thread_id)
    except RequestError:
        return False


async def _archive(server: AppServer, thread_id: str, agents: list[str]) -> None:
    """Unload a thread by archiving and unarchiving, sub-agents included."""
    await server.call("thread/archive", {"threadId": thread_id})
    for each in agents:
        # A sub-agent closed earlier may not be archived.
        with contextlib.suppress(RequestError):
            await _unarchive(server, each)
    await _unarchive(server, thread_id)


async def _unarchive(server: AppServer, thread_id: str) -> None:
    params = {"threadId": thread_id}
    await server.call("thread/unarchive", params, timeout_s=UNARCHIVE_TIMEOUT_S)
