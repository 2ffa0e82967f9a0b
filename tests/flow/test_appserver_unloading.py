"""How a thread is unloaded, against an app-server that is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from codexmcp.appserver import unloading
from codexmcp.appserver.client import AppServer
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
            "thread/loaded/list": lambda _: {"data": [*self.parents], "nextCursor": None},
            "thread/read": self._read,
            "thread/unsubscribe": self._unsubscribe,
        }

    def asked(self) -> list[tuple[str, str]]:
        """Return what was asked about which thread, but for questions."""
        asking = {"initialize", "thread/loaded/list", "thread/read"}
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


async def test_a_thread_is_left_and_not_archived(home: Home, server: AppServer) -> None:
    await server.unload_thread("t")
    assert home.asked() == [("thread/unsubscribe", "t")]
    assert set(home.parents) == {"other"}


async def test_a_thread_that_is_not_loaded_is_not_archived(home: Home, server: AppServer) -> None:
    await server.unload_thread("gone")
    assert home.asked() == [("thread/unsubscribe", "gone")]


async def test_a_thread_of_others_is_left_to_them(home: Home, server: AppServer) -> None:
    home.others.add("t")
    await server.leave_thread("t")
    assert home.asked() == [("thread/unsubscribe", "t")]


async def test_a_thread_of_others_is_archived_when_it_must_be_unloaded(
    home: Home, server: AppServer
) -> None:
    home.others.add("t")
    await server.unload_thread("t")
    assert [name for name, _ in home.asked()] == ["thread/unsubscribe", *ARCHIVED]


async def test_its_sub_agents_go_with_a_thread(home: Home, server: AppServer) -> None:
    home.parents |= {"child": "t", "grandchild": "child", "stranger": "other"}
    await server.leave_thread("t")
    assert set(home.parents) == {"other", "stranger"}
    assert {name for name, _ in home.asked()} == {"thread/unsubscribe"}


async def test_a_sub_agent_that_works_on_is_ended(home: Home, server: AppServer) -> None:
    home.parents["child"] = "t"
    home.others.add("child")
    home.works.add("child")
    await server.leave_thread("t")
    assert home.asked() == [
        ("thread/unsubscribe", "child"),
        ("thread/archive", "child"),
        ("thread/unarchive", "child"),
        ("thread/unsubscribe", "t"),
    ]


async def test_a_sub_agent_that_somebody_looks_at_is_left_to_them(
    home: Home, server: AppServer
) -> None:
    home.parents["child"] = "t"
    home.others.add("child")
    await server.leave_thread("t")
    assert {name for name, _ in home.asked()} == {"thread/unsubscribe"}


async def test_where_nothing_is_unloaded_when_it_is_left_a_thread_is_archived(
    home: Home, old_server: AppServer
) -> None:
    await old_server.leave_thread("t")
    await old_server.unload_thread("t")
    assert [name for name, _ in home.asked()] == [*ARCHIVED, *ARCHIVED]


async def test_what_is_archived_with_a_thread_comes_back_with_it_each_time(
    home: Home, old_server: AppServer
) -> None:
    home.parents["child"] = "t"
    await old_server.leave_thread("t")
    del home.parents["child"]
    await old_server.leave_thread("t")
    once = [("thread/archive", "t"), ("thread/unarchive", "child"), ("thread/unarchive", "t")]
    assert home.asked() == [*once, *once]


async def test_a_thread_that_does_not_come_back_from_the_archive_is_told(
    home: Home, old_server: AppServer
) -> None:
    home.answers["thread/unarchive"] = Refuse("no archived rollout found")
    with pytest.raises(RequestError, match="no archived rollout"):
        await old_server.leave_thread("t")


async def test_each_other_thread_is_asked_for_its_parent_once(
    home: Home, server: AppServer
) -> None:
    home.parents["more"] = None
    await server.leave_thread("t")
    await server.leave_thread("more")
    read = [given["threadId"] for name, given in home.calls if name == "thread/read"]
    assert sorted(read) == ["more", "other"]


async def test_threads_that_start_each_other_and_a_list_without_end_are_come_through(
    home: Home, server: AppServer
) -> None:
    home.parents |= {"child": "t", "t": "child"}
    home.answers["thread/loaded/list"] = lambda _: {"data": [*home.parents], "nextCursor": "more"}
    await server.leave_thread("t")
    assert set(home.parents) == {"other"}
