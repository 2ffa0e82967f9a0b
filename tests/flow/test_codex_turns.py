"""Every way in which a turn may end by itself, against a scripted app-server."""

from __future__ import annotations

import pytest

from codexmcp.appserver.events import ConnectionLost, Event, TokenUsage, TurnError, TurnStatus
from codexmcp.codex.turns import TurnLimits, TurnResult
from codexmcp.errors import AppServerClosedError, RequestError
from tests.support.fake_app_server import Refuse, Silence
from tests.support.turns import (
    SHORT_S,
    THREAD,
    TURN,
    Conversation,
    completed,
    message,
)

pytestmark = pytest.mark.timeout(20)


async def test_a_turn_returns_its_last_message_and_what_it_spent(talk: Conversation) -> None:
    running = await talk.begin()
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
        last_message="last",
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


async def test_a_count_that_codex_repeats_after_an_error_is_counted_once(
    talk: Conversation,
) -> None:
    running = await talk.begin()
    talk.emit("turn/started", turn={"id": TURN})
    talk.emit_usage(5)
    talk.emit_usage(5, again=True)
    talk.finish("done")
    assert (await running).usage == TokenUsage(input_tokens=5, total_tokens=5)


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
    assert [event.thread_id for event in talk.events] == [THREAD] * 4


async def test_what_an_earlier_turn_still_has_to_say_does_not_count(talk: Conversation) -> None:
    running = await talk.begin()
    talk.emit("item/completed", item=message("old"), turnId="turn-0")
    talk.fake.emit("turn/completed", **completed("interrupted", turn_id="turn-0"))
    talk.fake.emit("turn/completed", **completed())
    result = await running
    assert (result.status, result.message) == (TurnStatus.COMPLETED, "")


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
    assert talk.server._listeners._callbacks == {}
