"""How a thread is unloaded, against an app-server that is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.codex import unloading
from codexmcp.errors import RequestError
from tests.support.fake_app_server import Answer, FakeAppServer, Refuse

ARCHIVED = ["thread/archive", "thread/unarchive"]


class Home(FakeAppServer):
    """An app-server with threads.

    Attributes:
        parents: The loaded threads, each with the one that started it.
        others: The threads that somebody else is subscribed to, too.
        works: The threads with a turn under way.
    """

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        super().__init__()
        self.parents = dict(parents)
        self.others: set[str] = set()
        self.works: set[str] = set()
        self.answers |= {
            "thread/read": self._read,
            "thread/unsubscribe": self._unsubscribe,
        }

    def asked(self) -> list[tuple[str, str]]:
        """Return what was asked about which thread, but for questions."""
        asking = {"initialize", "thread/read", "sync"}
        return [(name, given["threadId"]) for name, given in self.calls if name not in asking]

    def _read(self, params: Mapping[str, Any]) -> Answer:
        thread_id = params["threadId"]
        if thread_id not in self.parents:
            return Refuse("thread not loaded")
        status = {"type": "active" if thread_id in self.works else "idle"}
        parent = self.parents[thread_id]
        return {"thread": {"id": thread_id, "parentThreadId": parent, "status": status}}

    def _unsubscribe(self, params: Mapping[str, Any]) -> Answer:
        thread_id = params["threadId"]
        if thread_id not in self.parents:
            return {"status": "notLoaded"}
        if thread_id not in self.others:
            del self.parents[thread_id]
            self.emit("thread/closed", threadId=thread_id)
        return {"status": "unsubscribed"}


@pytest.fixture
async def home(monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(unloading, "LEAVE_TIMEOUT_S", 0.01)
    return Home({"t": None, "other": None})


@pytest.fixture
async def server(home: Home) -> AsyncIterator[AppServer]:
    async with home.attached() as attached:
        yield attached


@pytest.fixture
async def old_server(home: Home) -> AsyncIterator[AppServer]:
    home.answers["initialize"] = {"userAgent": "codexmcp/0.153.4 (fake)"}
    async with home.attached() as attached:
        yield attached


async def spawned(home: Home, server: AppServer, child: str, parent: str) -> None:
    """Have a thread start a sub-agent, and the connection hear of it."""
    home.parents[child] = parent
    item = {"type": "subAgentActivity", "id": "call", "agentThreadId": child, "kind": "started"}
    home.emit("item/started", threadId=parent, item=item)
    await server.call("sync", {})


async def test_a_thread_is_left_and_not_archived(home: Home, server: AppServer) -> None:
    await unloading.unload(server, "t")
    assert home.asked() == [("thread/unsubscribe", "t")]
    assert set(home.parents) == {"other"}


async def test_a_thread_that_is_not_loaded_is_not_archived(home: Home, server: AppServer) -> None:
    await unloading.unload(server, "gone")
    assert home.asked() == [("thread/unsubscribe", "gone")]


async def test_a_thread_of_others_is_left_to_them(home: Home, server: AppServer) -> None:
    home.others.add("t")
    await unloading.leave(server, "t")
    assert home.asked() == [("thread/unsubscribe", "t")]


async def test_a_thread_of_others_is_archived_when_it_must_be_unloaded(
    home: Home, server: AppServer
) -> None:
    home.others.add("t")
    await unloading.unload(server, "t")
    assert [name for name, _ in home.asked()] == ["thread/unsubscribe", *ARCHIVED]


async def test_its_sub_agents_go_with_a_thread(home: Home, server: AppServer) -> None:
    home.parents["stranger"] = "other"
    await spawned(home, server, "child", "t")
    await spawned(home, server, "grandchild", "child")
    await unloading.leave(server, "t")
    assert set(home.parents) == {"other", "stranger"}
    assert {name for name, _ in home.asked()} == {"thread/unsubscribe"}


async def test_a_sub_agent_that_works_on_is_ended(home: Home, server: AppServer) -> None:
    await spawned(home, server, "child", "t")
    home.others.add("child")
    home.works.add("child")
    await unloading.leave(server, "t")
    assert home.asked() == [
        ("thread/unsubscribe", "child"),
        ("thread/archive", "child"),
        ("thread/unarchive", "child"),
        ("thread/unsubscribe", "t"),
    ]


async def test_a_sub_agent_that_somebody_looks_at_is_left_to_them(
    home: Home, server: AppServer
) -> None:
    await spawned(home, server, "child", "t")
    home.others.add("child")
    await unloading.leave(server, "t")
    assert {name for name, _ in home.asked()} == {"thread/unsubscribe"}


async def test_where_nothing_is_unloaded_when_it_is_left_a_thread_is_archived(
    home: Home, old_server: AppServer
) -> None:
    await unloading.leave(old_server, "t")
    await unloading.unload(old_server, "t")
    assert [name for name, _ in home.asked()] == [*ARCHIVED, *ARCHIVED]


async def test_what_is_archived_with_a_thread_comes_back_with_it_each_time(
    home: Home, old_server: AppServer
) -> None:
    await spawned(home, old_server, "child", "t")
    await unloading.leave(old_server, "t")
    del home.parents["child"]
    await unloading.leave(old_server, "t")
    once = [("thread/archive", "t"), ("thread/unarchive", "child"), ("thread/unarchive", "t")]
    assert home.asked() == [*once, *once]


async def test_a_thread_that_does_not_come_back_from_the_archive_is_told(
    home: Home, old_server: AppServer
) -> None:
    home.answers["thread/unarchive"] = Refuse("no archived rollout found")
    with pytest.raises(RequestError, match="no archived rollout"):
        await unloading.leave(old_server, "t")


async def test_commands_in_the_background_are_ended_before_their_thread_is_left(
    home: Home, server: AppServer
) -> None:
    await spawned(home, server, "child", "t")
    command = {"type": "commandExecution", "id": "c"}
    home.emit("item/started", threadId="child", item=command)
    await server.call("sync", {})
    await unloading.leave(server, "t")
    assert home.asked() == [
        ("thread/backgroundTerminals/clean", "child"),
        ("thread/unsubscribe", "child"),
        ("thread/unsubscribe", "t"),
    ]
