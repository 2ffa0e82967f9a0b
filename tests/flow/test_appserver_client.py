"""The client's calls, its listeners and its end, against a scripted app-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from codexmcp.appserver import client, thread_store
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import ConnectionLost, Event, UnknownEvent
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.refusals import ThreadStoreError
from codexmcp.appserver.requests import ThreadOptions, TurnOptions, text_input
from codexmcp.errors import (
    AppServerClosedError,
    CodexBinaryError,
    DeadlineError,
    RequestError,
)
from codexmcp.jsonrpc.messages import Request
from tests.support.fake_app_server import (
    BOUND_S,
    OPTIONS,
    Answer,
    FakeAppServer,
    Refuse,
    Silence,
)

pytestmark = pytest.mark.timeout(20)


@pytest.fixture
def fake() -> FakeAppServer:
    return FakeAppServer()


@pytest.fixture
async def server(fake: FakeAppServer) -> AsyncIterator[AppServer]:
    async with fake.attached() as attached:
        yield attached


def test_the_command_line_gives_each_setting_with_c() -> None:
    options = LaunchOptions(
        codex=OPTIONS.codex, env={}, overrides=['model="m"', "a.b=1"], flags=["--strict-config"]
    )
    assert options.argv() == [
        *("/fake/codex", "app-server", "-c", 'model="m"', "-c", "a.b=1", "--strict-config")
    ]


async def test_the_handshake_names_us_and_is_confirmed(
    fake: FakeAppServer, server: AppServer
) -> None:
    method, params = fake.calls[0]
    assert method == "initialize"
    assert params["clientInfo"]["name"] == "codexmcp"
    assert params["capabilities"]["experimentalApi"] is True
    await fake.wait_for_message(lambda message: message.get("method") == "initialized")
    assert server.info["userAgent"] == "codexmcp/0.163.0 (fake)"


async def test_a_build_that_is_too_old_is_refused_and_stopped(fake: FakeAppServer) -> None:
    fake.answers["initialize"] = {"userAgent": "codexmcp/0.149.0 (…)"}
    with pytest.raises(CodexBinaryError, match=r"0\.149\.0"):
        async with fake.attached():
            pytest.fail("the block must not run")
    assert fake.stopped


async def test_a_program_that_never_answers_is_given_up_and_stopped(
    fake: FakeAppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANDSHAKE_TIMEOUT_S", 0.01)
    fake.answers["initialize"] = Silence()
    fake.stderr_tail = "loading"
    with pytest.raises(AppServerClosedError, match="/fake/codex did not answer") as caught:
        async with fake.attached():
            pytest.fail("the block must not run")
    assert caught.value.stderr_tail == "loading"
    assert fake.stopped


async def test_threads_and_turns_are_asked_for_as_app_server_wants_it(
    fake: FakeAppServer, server: AppServer
) -> None:
    fake.answers["thread/start"] = {"thread": {"id": "t"}, "model": "m"}
    fake.answers["thread/read"] = {"thread": {"id": "t", "turns": []}}
    started = await server.start_thread(ThreadOptions(cwd="/w"))
    assert (started.id, started.raw["model"]) == ("t", "m")
    assert await server.start_turn("t", [text_input("hi")], TurnOptions(effort="low")) == "turn-1"
    await server.resume_thread("t", ThreadOptions(model="m"))
    assert await server.read_thread("t") == {"id": "t", "turns": []}
    await server.steer_turn("t", "turn-1", [text_input("more")])
    assert fake.calls[1:] == [
        ("thread/start", {"cwd": "/w"}),
        (
            "turn/start",
            {"threadId": "t", "input": [{"type": "text", "text": "hi"}], "effort": "low"},
        ),
        ("thread/resume", {"threadId": "t", "excludeTurns": True, "model": "m"}),
        ("thread/read", {"threadId": "t", "includeTurns": True}),
        (
            "turn/steer",
            {
                "threadId": "t",
                "expectedTurnId": "turn-1",
                "input": [{"type": "text", "text": "more"}],
            },
        ),
    ]


async def test_answers_of_a_wrong_shape_do_not_raise(
    fake: FakeAppServer, server: AppServer
) -> None:
    for method in ("thread/start", "thread/read"):
        fake.answers[method] = {"thread": 5}
    fake.answers["turn/start"] = {"turn": []}
    assert (await server.start_thread(ThreadOptions())).id == ""
    assert await server.read_thread("t") == {}
    assert await server.start_turn("t", [], TurnOptions()) == ""


async def test_an_interrupt_that_is_refused_or_never_answered_returns(
    fake: FakeAppServer, server: AppServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "INTERRUPT_TIMEOUT_S", 0.01)
    for answer in (Refuse("no active turn to interrupt"), Silence()):
        fake.answers["turn/interrupt"] = answer
        fake.answers["thread/backgroundTerminals/clean"] = answer
        await server.interrupt_turn("t", "turn-1")
        await server.clean_background_terminals("t")
    assert fake.methods().count("turn/interrupt") == 2


_BROKEN = Refuse(
    "failed to prepare paginated fork: thread-store internal error: failed to access thread "
    "history: attempted to call begin_with at non-zero transaction depth"
)


@pytest.mark.parametrize("failures", [1, thread_store.TRIES])
async def test_a_thread_is_asked_for_again_after_a_failure_of_codexs_records(
    fake: FakeAppServer, server: AppServer, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr(thread_store, "RETRY_S", 0.0)
    whole = {"thread": {"id": "t", "cwd": "/w"}}
    for method in ("thread/start", "thread/resume", "thread/fork"):
        left = [_BROKEN] * failures

        def answer(_params: Mapping[str, Any], left: list[Refuse] = left) -> Answer:
            return left.pop() if left else whole

        fake.answers[method] = answer
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: server.start_thread(ThreadOptions()),
        lambda: server.resume_thread("t", ThreadOptions()),
        lambda: server.fork_thread("t", ThreadOptions()),
    ]
    for call in calls:
        if failures < thread_store.TRIES:
            await call()
        else:
            with pytest.raises(ThreadStoreError, match="non-zero transaction depth"):
                await call()
    assert fake.methods().count("thread/fork") == min(failures + 1, thread_store.TRIES)


async def test_a_call_without_an_answer_ends_at_its_bound(
    fake: FakeAppServer, server: AppServer
) -> None:
    fake.answers["thread/list"] = Silence()
    with pytest.raises(DeadlineError, match="thread/list"):
        await server.call("thread/list", {}, timeout_s=0.01)


async def test_events_reach_only_the_listeners_of_their_thread(
    fake: FakeAppServer, server: AppServer
) -> None:
    mine: list[str] = []
    also_mine: list[str] = []
    with server.listen("t", lambda event: mine.append(event.method)):
        with server.listen("t", lambda event: also_mine.append(event.method)):
            fake.emit("one", threadId="t")
            fake.emit("other", threadId="u")
            fake.emit("none")
            await server.call("sync", {})
        fake.emit("two", threadId="t")
        await server.call("sync", {})
    fake.emit("three", threadId="t")
    await server.call("sync", {})
    assert (mine, also_mine) == (["one", "two"], ["one"])


async def test_a_listener_that_raises_costs_the_others_nothing(
    fake: FakeAppServer, server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []

    def broken(_event: Event) -> None:
        raise ValueError("a broken listener")

    with server.listen("t", broken), server.listen("t", heard.append):
        fake.emit("one", threadId="t")
        await server.call("sync", {})
        fake.die("codex was ended by SIGKILL")
        await asyncio.wait_for(server.closed.wait(), BOUND_S)
    assert [type(event) for event in heard] == [UnknownEvent, ConnectionLost]
    assert "a broken listener" in caplog.text


async def test_the_death_of_the_process_fails_calls_with_its_cause_and_stderr(
    fake: FakeAppServer, server: AppServer
) -> None:
    fake.answers["thread/list"] = Silence()
    calling = asyncio.create_task(server.call("thread/list", {}))
    await fake.wait_for_call("thread/list")
    fake.die("codex exited with code 101", "thread 'main' panicked")
    for failing in (calling, server.call("thread/read", {})):
        with pytest.raises(AppServerClosedError) as caught:
            await asyncio.wait_for(failing, BOUND_S)
        assert caught.value.reason == "`codex app-server` ended: codex exited with code 101"
        assert caught.value.stderr_tail == "thread 'main' panicked"


async def test_a_process_that_only_closes_its_pipe_counts_as_gone(
    fake: FakeAppServer, server: AppServer
) -> None:
    fake.close_stdout()
    await asyncio.wait_for(server.closed.wait(), BOUND_S)
    with pytest.raises(AppServerClosedError, match="closed the connection"):
        await server.call("thread/list", {})


async def test_a_call_that_waits_when_the_block_ends_fails_at_once(fake: FakeAppServer) -> None:
    fake.answers["thread/list"] = Silence()
    async with fake.attached() as server:
        calling = asyncio.create_task(server.call("thread/list", {}))
        await fake.wait_for_call("thread/list")
    with pytest.raises(AppServerClosedError, match="was stopped"):
        await asyncio.wait_for(calling, BOUND_S)
    with pytest.raises(AppServerClosedError, match="was stopped"):
        await asyncio.wait_for(server.call("thread/list", {}), BOUND_S)
    assert server.closed.is_set()


async def test_a_listener_is_told_when_the_block_ends(fake: FakeAppServer) -> None:
    heard: list[Event] = []
    async with fake.attached() as server:
        listening = server.listen("t", heard.append)
        listening.__enter__()
    assert [type(event) for event in heard] == [ConnectionLost]


async def test_the_process_is_stopped_when_the_block_is_cancelled(fake: FakeAppServer) -> None:
    entered = asyncio.Event()

    async def use() -> None:
        async with fake.attached():
            entered.set()
            await asyncio.Event().wait()

    using = asyncio.create_task(use())
    await asyncio.wait_for(entered.wait(), BOUND_S)
    using.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(using, BOUND_S)
    assert fake.stopped


async def test_a_request_of_codex_is_refused_when_nobody_answers(
    fake: FakeAppServer, server: AppServer
) -> None:
    fake.ask(0, "item/commandExecution/requestApproval", threadId="t")
    await fake.wait_for_message(lambda message: message.get("id") == 0)
    (answer,) = [each for each in fake.messages if "id" in each]
    assert answer["error"]["message"] == "no handler"


async def test_a_request_of_codex_is_answered_by_its_callback(fake: FakeAppServer) -> None:
    async def approve(request: Request) -> object:
        if request.method == "refused":
            raise RequestError(request.method, -32601, "never heard of it")
        return {"decision": "accept"}

    async with fake.attached(on_request=approve):
        fake.ask(0, "item/fileChange/requestApproval", threadId="t")
        await fake.wait_for_message(
            lambda message: message == {"id": 0, "result": {"decision": "accept"}}
        )
        fake.ask(1, "refused")
        await fake.wait_for_message(lambda message: message.get("id") == 1)
    assert fake.messages[-1]["error"] == {"code": -32601, "message": "never heard of it"}


async def test_a_line_that_is_no_message_is_logged_and_passed_over(
    fake: FakeAppServer, server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    fake.write(b"thread 'main' says hello\n")
    await server.call("sync", {})
    assert "an invalid line: not JSON" in caplog.text
