"""Every way in which a turn may end, against a scripted app-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from codexmcp.appserver import client, turns
from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import ConnectionLost, Event, TokenUsage, TurnError, TurnStatus
from codexmcp.appserver.requests import TurnOptions, text_input
from codexmcp.appserver.turns import TurnLimits, TurnResult, run_turn
from codexmcp.errors import AppServerClosedError, DeadlineError, RequestError
from tests.support.fake_app_server import BOUND_S, Answer, FakeAppServer, Refuse, Silence

THREAD = "thread-1"
TURN = "turn-1"
SHORT_S = 0.05
GIVEN_UP = ["turn/interrupt", "thread/backgroundTerminals/clean"]
NO_LIMITS = TurnLimits(timeout_s=None, idle_s=None)

pytestmark = pytest.mark.timeout(20)


def completed(status: str = "completed", turn_id: str = TURN, **more: Any) -> dict[str, Any]:
    """Return the parameters of `turn/completed`."""
    return {"threadId": THREAD, "turn": {"id": turn_id, "status": status, "items": [], **more}}


def message(text: str) -> dict[str, Any]:
    return {"type": "agentMessage", "id": "m", "text": text}


class Conversation:
    """One thread of a fake app-server, on which turns are run."""

    def __init__(self, fake: FakeAppServer, server: AppServer) -> None:
        self.fake = fake
        self.server = server
        self.events: list[Event] = []

    def run(
        self, limits: TurnLimits = NO_LIMITS, on_event: Callable[[Event], None] | None = None
    ) -> asyncio.Task[TurnResult]:
        """Start `run_turn`; its wait is bounded for the test."""
        turn = run_turn(
            self.server,
            THREAD,
            [text_input("go")],
            TurnOptions(),
            limits,
            on_event or self.events.append,
        )
        return asyncio.create_task(asyncio.wait_for(turn, BOUND_S))

    async def begin(self, limits: TurnLimits = NO_LIMITS) -> asyncio.Task[TurnResult]:
        """Start `run_turn` and wait until Codex has taken the turn on."""
        running = self.run(limits)
        await self.fake.wait_for_call("turn/start")
        await self.server.call("sync", {})
        return running

    def emit(self, method: str, **params: Any) -> None:
        self.fake.emit(method, **{"threadId": THREAD, "turnId": TURN, **params})

    def emit_usage(self, tokens: int, turn_id: str = TURN) -> None:
        usage = {"last": {"inputTokens": tokens, "totalTokens": tokens}}
        self.emit("thread/tokenUsage/updated", tokenUsage=usage, turnId=turn_id)

    def finish(self, text: str, thread_id: str = THREAD) -> None:
        """Say something and complete the turn."""
        self.emit("item/completed", item=message(text), threadId=thread_id)
        self.fake.emit("turn/completed", **{**completed(), "threadId": thread_id})

    def emit_error(self, text: str, *, will_retry: bool) -> None:
        self.emit("error", error={"message": text}, willRetry=will_retry)

    def record(self, *turns_: Mapping[str, Any]) -> None:
        """Have Codex's record of the thread hold these turns."""
        self.fake.answers["thread/read"] = {"thread": {"id": THREAD, "turns": list(turns_)}}

    def starts_with(self, tell: Callable[[], None]) -> None:
        """Have something told before the start is answered, so before any bound on the turn."""

        def start(_params: Mapping[str, Any]) -> Answer:
            tell()
            return {"turn": {"id": TURN}}

        self.fake.answers["turn/start"] = start

    def after_start(self) -> list[str]:
        """Return the methods that were called after the turn had started."""
        methods = [each for each in self.fake.methods() if each != "sync"]
        return methods[methods.index("turn/start") + 1 :]


@pytest.fixture
async def talk() -> AsyncIterator[Conversation]:
    fake = FakeAppServer()
    async with fake.attached() as server:
        yield Conversation(fake, server)


async def test_a_turn_returns_its_last_message_and_what_it_spent(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit("turn/started", turn={"id": TURN})
    talk.emit("item/completed", item=message("first"))
    talk.emit_usage(5)
    talk.emit_usage(7)
    talk.finish("last")
    assert await running == TurnResult(
        thread_id=THREAD,
        turn_id=TURN,
        status=TurnStatus.COMPLETED,
        message="last",
        error=None,
        usage=TokenUsage(input_tokens=12, total_tokens=12),
    )
    assert [event.method for event in talk.events] == [
        "turn/started",
        "item/completed",
        "thread/tokenUsage/updated",
        "thread/tokenUsage/updated",
        "item/completed",
        "turn/completed",
    ]
    assert talk.after_start() == []


async def test_a_turn_that_ends_before_its_start_is_answered_is_not_missed(
    talk: Conversation,
) -> None:
    talk.starts_with(lambda: talk.finish("quick"))
    assert (await talk.run()).message == "quick"


async def test_what_was_said_before_a_tool_is_not_the_answer(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit("item/completed", item=message("let me look"))
    talk.emit("item/started", item={"type": "commandExecution"})
    talk.fake.emit("turn/completed", **completed())
    assert (await running).message == ""


async def test_a_command_that_ends_after_the_answer_does_not_take_it_away(
    talk: Conversation,
) -> None:
    running = await talk.begin()
    talk.emit("item/started", item={"type": "commandExecution"})
    talk.emit("item/completed", item=message("done"))
    talk.emit("item/completed", item={"type": "commandExecution", "exitCode": 0})
    talk.fake.emit("turn/completed", **completed())
    assert (await running).message == "done"


async def test_a_thought_after_the_answer_does_not_take_it_away(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit("item/completed", item=message("the answer"))
    talk.emit("item/completed", item={"type": "reasoning", "text": "thought"})
    talk.fake.emit("turn/completed", **completed())
    assert (await running).message == "the answer"


async def test_a_turn_that_said_nothing_has_an_empty_message(talk: Conversation) -> None:
    running = await talk.begin()
    talk.fake.emit("turn/completed", **completed())
    assert (await running).message == ""


async def test_a_failed_turn_carries_its_error(talk: Conversation) -> None:
    running = await talk.begin()
    talk.fake.emit("turn/completed", **completed("failed", error={"message": "no money"}))
    result = await running
    assert (result.status, result.error) == (TurnStatus.FAILED, TurnError("no money"))


async def test_a_failed_turn_without_an_error_carries_the_last_reported_one(
    talk: Conversation,
) -> None:
    running = await talk.begin()
    talk.emit_error("overloaded", will_retry=False)
    talk.fake.emit("turn/completed", **completed("failed"))
    assert (await running).error == TurnError("overloaded")


async def test_an_error_that_codex_got_over_is_not_the_turns_error(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit_error("Reconnecting... 1/5", will_retry=True)
    talk.finish("made it")
    result = await running
    assert (result.status, result.error) == (TurnStatus.COMPLETED, None)


async def test_a_turn_that_somebody_interrupted_says_so(talk: Conversation) -> None:
    running = await talk.begin()
    talk.fake.emit("turn/completed", **completed("interrupted"))
    result = await running
    assert (result.status, result.error) == (TurnStatus.INTERRUPTED, None)


async def test_events_of_other_threads_and_of_none_are_ignored(talk: Conversation) -> None:
    running = await talk.begin()
    talk.finish("not ours", thread_id="thread-2")
    talk.fake.emit("warning", message="of no thread")
    talk.emit_usage(3)
    talk.finish("ours")
    assert (await running).message == "ours"
    assert [event.thread_id for event in talk.events] == [THREAD] * 3


async def test_what_an_earlier_turn_still_has_to_say_does_not_count(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit("item/completed", item=message("old"), turnId="turn-0")
    talk.emit_usage(100, turn_id="turn-0")
    talk.fake.emit("turn/completed", **completed("interrupted", turn_id="turn-0"))
    talk.fake.emit("turn/completed", **completed())
    result = await running
    assert (result.status, result.message) == (TurnStatus.COMPLETED, "")
    assert result.usage == TokenUsage()


async def test_a_turn_that_cannot_start_raises_codexs_words(talk: Conversation) -> None:
    talk.fake.answers["turn/start"] = Refuse(f"thread not found: {THREAD}")
    with pytest.raises(RequestError, match="thread not found"):
        await talk.run()
    assert talk.after_start() == []


async def test_a_callback_that_raises_does_not_cost_the_turn_its_ending(
    talk: Conversation, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_event: Event) -> None:
        raise ValueError("a broken callback")

    running = talk.run(on_event=broken)
    await talk.fake.wait_for_call("turn/start")
    talk.finish("done")
    assert (await running).message == "done"
    assert "a broken callback" in caplog.text


@pytest.mark.parametrize("status", ["completed", "failed", "interrupted"])
async def test_a_lost_end_is_found_in_codexs_record(talk: Conversation, status: str) -> None:
    ended = {"id": TURN, "status": status, "items": [message("recorded")]}
    talk.record({"id": "turn-0", "status": "failed"}, ended)
    result = await talk.run(TurnLimits(idle_s=SHORT_S))
    assert (result.status, result.message) == (TurnStatus(status), "recorded")
    assert talk.after_start() == ["thread/read"]


async def test_a_lost_end_without_items_keeps_what_was_heard(talk: Conversation) -> None:
    talk.record({"id": TURN, "status": "failed", "error": {"message": "gone wrong"}})
    talk.starts_with(lambda: talk.emit("item/completed", item=message("heard")))
    result = await talk.run(TurnLimits(idle_s=SHORT_S))
    assert (result.message, result.error) == ("heard", TurnError("gone wrong"))


@pytest.mark.parametrize(
    "recorded",
    [
        {"thread": {"turns": [{"id": TURN, "status": "inProgress"}]}},
        {"thread": {"turns": [{"id": "other", "status": "completed"}]}},
        {"thread": {"turns": "junk"}},
        {"thread": {"turns": [5]}},
        {},
        Refuse("thread not loaded"),
    ],
)
async def test_a_silent_turn_is_interrupted_unless_the_record_has_its_end(
    talk: Conversation, recorded: Answer
) -> None:
    talk.fake.answers["thread/read"] = recorded
    with pytest.raises(DeadlineError, match=r"silent for 0\.05 s and the turn was interrupted"):
        await talk.run(TurnLimits(idle_s=SHORT_S))
    assert talk.after_start() == ["thread/read", *GIVEN_UP]
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_an_end_that_comes_while_the_record_is_read_counts(talk: Conversation) -> None:
    def read(_params: Mapping[str, Any]) -> Answer:
        talk.finish("just in time")
        return {"thread": {"turns": [{"id": TURN, "status": "inProgress"}]}}

    talk.fake.answers["thread/read"] = read
    assert (await talk.run(TurnLimits(idle_s=SHORT_S))).message == "just in time"
    assert talk.after_start() == ["thread/read"]


async def test_announced_retries_count_as_silence_and_are_named(talk: Conversation) -> None:
    # Each look at the record brings one more retry, which must not start the clock anew.
    idle_s = 0.4
    looks = list[float]()
    clock = asyncio.get_running_loop().time

    def read(_params: Mapping[str, Any]) -> Answer:
        looks.append(clock())
        if len(looks) < 4:
            talk.emit_error(f"Reconnecting... {len(looks)}/5", will_retry=True)
        return {}

    talk.fake.answers["thread/read"] = read
    with pytest.raises(DeadlineError, match=r"last error: Reconnecting\.\.\. 3/5"):
        await talk.run(TurnLimits(idle_s=idle_s))
    assert len(looks) == 4
    # After a clock that started anew, every look would be as late as that.
    assert min(later - sooner for sooner, later in pairwise(looks)) < idle_s


async def test_a_turn_that_keeps_talking_is_not_silent(talk: Conversation) -> None:
    idle_s = 1.5
    heard = asyncio.Event()
    running = talk.run(TurnLimits(idle_s=idle_s), on_event=lambda _event: heard.set())
    await talk.fake.wait_for_call("turn/start")
    clock = asyncio.get_running_loop().time
    began_s = clock()
    while clock() - began_s < 1.2 * idle_s:
        heard.clear()
        talk.emit("item/agentMessage/delta", delta="word")
        await asyncio.wait_for(heard.wait(), BOUND_S)
        await asyncio.wait({running}, timeout=0.1 * idle_s)
    talk.finish("done")
    assert (await running).message == "done"
    assert "thread/read" not in talk.fake.methods()


async def test_the_bound_on_the_whole_turn_interrupts_it(talk: Conversation) -> None:
    with pytest.raises(DeadlineError, match=r"not done after 0\.05 s and was interrupted"):
        await talk.run(TurnLimits(timeout_s=SHORT_S, idle_s=None))
    assert talk.after_start() == GIVEN_UP


async def test_the_bound_on_the_whole_turn_holds_while_codex_talks(talk: Conversation) -> None:
    talk.starts_with(lambda: talk.emit_error("Reconnecting...", will_retry=True))
    running = talk.run(TurnLimits(timeout_s=0.2, idle_s=None))
    await talk.fake.wait_for_call("turn/start")
    while not running.done():
        talk.emit_error("Reconnecting...", will_retry=True)
        await talk.server.call("sync", {})
    with pytest.raises(DeadlineError, match=r"last error: Reconnecting"):
        await running


async def test_cancelling_interrupts_the_turn_and_kills_its_commands(talk: Conversation) -> None:
    running = await talk.begin()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert talk.after_start() == GIVEN_UP


async def test_cancelling_before_the_start_is_answered_interrupts_the_turn_too(
    talk: Conversation,
) -> None:
    # Codex has the prompt already, and would work on it unseen.
    talk.fake.answers["turn/start"] = Silence()
    running = talk.run()
    await talk.fake.wait_for_call("turn/start")
    running.cancel()
    await talk.server.call("sync", {})
    (request_id,) = [each for each in talk.server._connection._waiting if isinstance(each, int)]
    talk.fake.write(b'{"id":%d,"result":{"turn":{"id":"turn-1"}}}\n' % request_id)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert talk.after_start() == GIVEN_UP
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_cancelling_a_start_that_is_never_answered_is_bounded(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "INTERRUPT_TIMEOUT_S", 0.01)
    talk.fake.answers["turn/start"] = Silence()
    running = talk.run()
    await talk.fake.wait_for_call("turn/start")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_start_that_is_not_answered_in_time_is_given_up(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Codex may work on the prompt all the same, and then tells the turn's id in an event.
    def start(_params: Mapping[str, Any]) -> Answer:
        talk.emit("turn/started", turn={"id": TURN})
        return Silence()

    call = talk.server.call

    async def impatient(method: str, params: Mapping[str, Any], **more: float) -> dict[str, Any]:
        return await call(
            method, params, **({"timeout_s": 0.5} if method == "turn/start" else more)
        )

    monkeypatch.setattr(talk.server, "call", impatient)
    talk.fake.answers["turn/start"] = start
    with pytest.raises(DeadlineError, match="no answer to turn/start"):
        await talk.run()
    assert talk.after_start() == GIVEN_UP
    assert ("turn/interrupt", {"threadId": THREAD, "turnId": TURN}) in talk.fake.calls


async def test_whatever_breaks_the_wait_gives_the_turn_up(talk: Conversation) -> None:
    with pytest.raises(OverflowError):
        await talk.run(TurnLimits(timeout_s=10**400))
    assert talk.after_start() == GIVEN_UP


@pytest.mark.parametrize("limits", [TurnLimits(timeout_s=SHORT_S), TurnLimits(idle_s=SHORT_S)])
async def test_an_interrupt_that_is_never_answered_is_bounded(
    talk: Conversation, monkeypatch: pytest.MonkeyPatch, limits: TurnLimits
) -> None:
    monkeypatch.setattr(client, "INTERRUPT_TIMEOUT_S", 0.01)
    for method in GIVEN_UP:
        talk.fake.answers[method] = Silence()
    with pytest.raises(DeadlineError, match="was interrupted"):
        await talk.run(limits)
    assert talk.after_start()[-2:] == GIVEN_UP


async def test_the_death_of_the_app_server_ends_the_turn_with_its_last_words(
    talk: Conversation,
) -> None:
    running = await talk.begin()
    talk.emit("item/completed", item=message("so far"))
    talk.fake.die("codex was ended by SIGSEGV", "thread 'main' panicked\nat src/main.rs")
    with pytest.raises(AppServerClosedError) as caught:
        await running
    assert "SIGSEGV" in caught.value.reason
    assert caught.value.stderr_tail == "thread 'main' panicked\nat src/main.rs"
    assert isinstance(talk.events[-1], ConnectionLost)


async def test_the_death_of_the_app_server_before_its_answer_ends_the_turn_too(
    talk: Conversation,
) -> None:
    talk.fake.answers["turn/start"] = Silence()
    running = talk.run()
    await talk.fake.wait_for_call("turn/start")
    talk.fake.die("codex exited with code 1", "no space left")
    with pytest.raises(AppServerClosedError, match="no space left"):
        await running


async def test_the_death_of_the_app_server_while_it_is_asked_ends_the_turn_too(
    talk: Conversation,
) -> None:
    talk.fake.answers["thread/read"] = Silence()
    running = talk.run(TurnLimits(idle_s=SHORT_S))
    await talk.fake.wait_for_call("thread/read")
    talk.fake.die("codex exited with code 1", "no space left")
    with pytest.raises(AppServerClosedError, match="no space left"):
        await running


async def test_a_turn_leaves_no_listener_behind(talk: Conversation) -> None:
    running = await talk.begin()
    talk.fake.emit("turn/completed", **completed())
    await running
    assert talk.server._listeners == {}
