"""One JSON-RPC connection, with the test as the peer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from codexmcp.errors import AppServerClosedError, DeadlineError, ProtocolError, RequestError
from codexmcp.jsonrpc.connection import Connection, NoAnswer
from codexmcp.jsonrpc.messages import Dialect, InvalidMessage, Notification, Request
from tests.support.streams import MemoryStream, stream_pair

BOUND_S = 10.0
pytestmark = pytest.mark.timeout(20)


class Recorder:
    """Handlers that keep what they are given."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.invalid: list[InvalidMessage] = []
        self.noted = asyncio.Event()
        self.answer: Callable[[Request], Awaitable[object]] = self._echo

    async def on_request(self, request: Request) -> object:
        return await self.answer(request)

    def on_notification(self, notification: Notification) -> None:
        self.notifications.append(notification)
        self.noted.set()
        if notification.method == "raise":
            raise ValueError("a broken handler")

    def on_invalid(self, message: InvalidMessage) -> None:
        self.invalid.append(message)

    async def _echo(self, request: Request) -> object:
        return request.params


class Link:
    """A connection that is served, and the wire to its peer."""

    def __init__(self, **options: Any) -> None:
        self.ours, self.peer = stream_pair()
        self.handlers = Recorder()
        self.connection = Connection(self.ours, self.handlers, Dialect.APP_SERVER, **options)
        self.serving = asyncio.create_task(self.connection.serve())

    async def ask(self, method: str = "m", timeout_s: float | None = BOUND_S) -> Any:
        return await self.connection.request(method, {"a": 1}, timeout_s=timeout_s)

    async def exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message as the peer and return the next one from our side."""
        self.peer.write_message(message)
        return await receive(self.peer)

    async def passed(self) -> None:
        """Wait until all that the peer has sent so far has been dispatched."""
        self.handlers.noted.clear()
        self.peer.write_message({"method": "mark"})
        await asyncio.wait_for(self.handlers.noted.wait(), BOUND_S)


async def receive(peer: MemoryStream) -> dict[str, Any]:
    return await asyncio.wait_for(peer.read_message(), BOUND_S)


@contextlib.asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[Link]:
    link = Link(**options)
    try:
        yield link
    finally:
        link.peer.close()
        await asyncio.wait({link.serving}, timeout=BOUND_S)
        assert link.serving.done()
        await asyncio.wait_for(link.connection.close(), BOUND_S)


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    async with connected() as made:
        yield made


async def test_a_request_returns_its_result(link: Link) -> None:
    asking = asyncio.create_task(link.ask())
    request = await receive(link.peer)
    assert request == {"id": request["id"], "method": "m", "params": {"a": 1}}
    link.peer.write_message({"id": request["id"], "result": {"b": 2}})
    assert await asking == {"b": 2}


async def test_what_has_another_name_is_read_by_it() -> None:
    aliases = {"http://127.0.0.1:4000/v1": "https://api.example/v1"}
    async with connected() as link:
        link.connection.set_aliases(aliases)
        asking = asyncio.create_task(link.ask())
        request = await receive(link.peer)
        told = {"message": "401, url: http://127.0.0.1:4000/v1/responses"}
        link.peer.write_message({"method": "error", "params": told})
        link.peer.write_message({"id": request["id"], "result": told})
        named = {"message": "401, url: https://api.example/v1/responses"}
        assert await asking == named
        assert link.handlers.notifications[0].params == named


async def test_answers_may_come_in_any_order(link: Link) -> None:
    tasks = [asyncio.create_task(link.ask(f"m{number}")) for number in range(3)]
    requests = [await receive(link.peer) for _ in tasks]
    for request in reversed(requests):
        link.peer.write_message({"id": request["id"], "result": request["method"]})
    assert await asyncio.gather(*tasks) == ["m0", "m1", "m2"]


async def test_a_refusal_is_raised_with_the_peers_words(link: Link) -> None:
    asking = asyncio.create_task(link.ask("thread/start"))
    request = await receive(link.peer)
    error = {"code": -32600, "message": "no"}
    link.peer.write_message({"id": request["id"], "error": error})
    with pytest.raises(RequestError, match="thread/start was refused: no") as caught:
        await asking
    assert caught.value.code == -32600


async def test_a_request_without_an_answer_ends_at_its_bound(link: Link) -> None:
    with pytest.raises(DeadlineError, match=r"no answer to m within 0\.01 s"):
        await link.ask(timeout_s=0.01)


async def test_a_peer_that_does_not_read_is_bounded_too(link: Link) -> None:
    link.ours.can_drain.clear()
    with pytest.raises(DeadlineError):
        await link.ask(timeout_s=0.01)


async def test_a_late_answer_is_dropped_and_the_next_request_works(link: Link) -> None:
    with pytest.raises(DeadlineError):
        await link.ask(timeout_s=0)
    late = await receive(link.peer)
    link.peer.write_message({"id": late["id"], "result": "late"})
    asking = asyncio.create_task(link.ask())
    request = await receive(link.peer)
    assert request["id"] != late["id"]
    link.peer.write_message({"id": request["id"], "result": "in time"})
    assert await asking == "in time"


async def test_a_second_answer_and_one_to_nothing_are_dropped(link: Link) -> None:
    asking = asyncio.create_task(link.ask())
    request = await receive(link.peer)
    for message in (
        {"id": 999, "result": 0},
        {"id": str(request["id"]), "result": 0},
        {"id": request["id"], "result": 1},
        {"id": request["id"], "result": 2},
        {"id": None, "error": {"code": 1, "message": "which?"}},
    ):
        link.peer.write_message(message)
    assert await asking == 1
    await link.passed()


async def test_a_cancelled_request_is_forgotten(link: Link) -> None:
    asking = asyncio.create_task(link.ask())
    await receive(link.peer)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert link.connection._waiting == {}


async def test_the_end_of_the_stream_fails_everyone_who_waits(link: Link) -> None:
    tasks = [asyncio.create_task(link.ask(timeout_s=None)) for _ in range(3)]
    for _ in tasks:
        await receive(link.peer)
    link.peer.close()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), BOUND_S)
    assert [type(result) for result in results] == [AppServerClosedError] * 3


async def test_a_request_after_the_end_fails_at_once(link: Link) -> None:
    link.peer.close()
    await asyncio.wait_for(link.serving, BOUND_S)
    with pytest.raises(AppServerClosedError):
        await link.ask(timeout_s=None)


async def test_a_line_beyond_the_bound_ends_the_connection_with_the_cause() -> None:
    async with connected(max_line_bytes=50) as link:
        asking = asyncio.create_task(link.ask(timeout_s=None))
        await receive(link.peer)
        link.peer.write(b"x" * 51)
        with pytest.raises(ProtocolError, match="longer than 50 bytes"):
            await asyncio.wait_for(asking, BOUND_S)
        with pytest.raises(ProtocolError):
            await link.serving


async def test_notifications_come_in_wire_order_from_whatever_pieces(link: Link) -> None:
    text = b"".join(b'{"method":"n%d"}\r\n\n' % number for number in range(5))
    for start in range(0, len(text), 7):
        link.peer.write(text[start : start + 7])
    await link.passed()
    methods = [each.method for each in link.handlers.notifications]
    assert methods == ["n0", "n1", "n2", "n3", "n4", "mark"]


async def test_junk_is_handed_over_and_harms_nothing(link: Link) -> None:
    link.peer.write(b"WARN not json\n[1,2]\n" + b"[" * 100_000 + b"\n")
    await link.passed()
    assert len(link.handlers.invalid) == 3


async def test_a_notification_handler_that_raises_is_contained(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    link.peer.write_message({"method": "raise"})
    await link.passed()
    assert "a broken handler" in caplog.text


async def test_a_request_of_the_peer_is_answered(link: Link) -> None:
    answer = await link.exchange({"id": "x", "method": "echo", "params": {"b": 1}})
    assert answer == {"id": "x", "result": {"b": 1}}


async def test_a_request_handler_may_refuse(link: Link) -> None:
    async def refuse(request: Request) -> object:
        raise RequestError(request.method, -32601, "unknown", {"tried": request.method})

    link.handlers.answer = refuse
    answer = await link.exchange({"id": 1, "method": "what"})
    error = {"code": -32601, "message": "unknown", "data": {"tried": "what"}}
    assert answer == {"id": 1, "error": error}


async def test_a_request_handler_that_raises_becomes_an_error_answer(
    link: Link, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_request: Request) -> object:
        raise ZeroDivisionError("by zero")

    link.handlers.answer = fail
    answer = await link.exchange({"id": 1, "method": "what"})
    assert answer == {"id": 1, "error": {"code": -32603, "message": "internal error: by zero"}}
    assert "answering what failed" in caplog.text


async def test_a_result_that_is_no_json_becomes_an_error_answer(link: Link) -> None:
    async def wrong(_request: Request) -> object:
        return object()

    link.handlers.answer = wrong
    answer = await link.exchange({"id": 1, "method": "what"})
    assert answer["error"]["code"] == -32603


async def test_a_request_may_stay_without_an_answer(link: Link) -> None:
    async def silent(_request: Request) -> object:
        raise NoAnswer

    link.handlers.answer = silent
    link.peer.write_message({"id": 1, "method": "what"})
    await link.passed()
    await asyncio.wait_for(link.connection.answers_done(), BOUND_S)
    link.connection.notify("next")
    assert await receive(link.peer) == {"method": "next"}


async def test_a_slow_answer_holds_nothing_else_up(link: Link) -> None:
    may_end = asyncio.Event()

    async def slow(request: Request) -> object:
        if request.method == "slow":
            await may_end.wait()
        return request.method

    link.handlers.answer = slow
    link.peer.write_message({"id": 1, "method": "slow"})
    assert await link.exchange({"id": 2, "method": "quick"}) == {"id": 2, "result": "quick"}
    may_end.set()
    assert await receive(link.peer) == {"id": 1, "result": "slow"}


async def test_closing_withdraws_the_peers_requests_and_fails_ours(link: Link) -> None:
    withdrawn = asyncio.Event()

    async def wait(_request: Request) -> object:
        try:
            return await asyncio.Event().wait()
        finally:
            withdrawn.set()

    link.handlers.answer = wait
    link.peer.write_message({"id": 1, "method": "wait"})
    asking = asyncio.create_task(link.ask(timeout_s=None))
    await receive(link.peer)
    await link.passed()
    await asyncio.wait_for(link.connection.close(AppServerClosedError("enough")), BOUND_S)
    assert withdrawn.is_set()
    with pytest.raises(AppServerClosedError, match="enough"):
        await asyncio.wait_for(asking, BOUND_S)


async def test_a_request_of_the_peer_after_closing_starts_no_work(link: Link) -> None:
    asked: list[Request] = []

    async def answer(request: Request) -> object:
        asked.append(request)
        return None

    link.handlers.answer = answer
    await link.connection.close()
    link.peer.write_message({"id": 1, "method": "late"})
    await link.passed()
    await asyncio.wait_for(link.connection.answers_done(), BOUND_S)
    assert asked == []


async def test_the_answers_under_way_at_the_end_of_the_stream_can_be_awaited(link: Link) -> None:
    may_end = asyncio.Event()

    async def slow(_request: Request) -> object:
        await may_end.wait()
        return "done"

    link.handlers.answer = slow
    link.peer.write_message({"id": 1, "method": "slow"})
    link.peer.close()
    await asyncio.wait_for(link.serving, BOUND_S)
    may_end.set()
    await asyncio.wait_for(link.connection.answers_done(), BOUND_S)
    assert await receive(link.peer) == {"id": 1, "result": "done"}


async def test_a_slow_consumer_holds_the_reading_up() -> None:
    may_go_on = asyncio.Event()
    async with connected(pace=may_go_on.wait) as link:
        link.peer.write_message({"method": "first"})
        await asyncio.wait_for(link.handlers.noted.wait(), BOUND_S)
        link.peer.write_message({"method": "second"})
        link.handlers.noted.clear()
        # Nothing can show that something will not come, except the lock that keeps it away.
        assert [each.method for each in link.handlers.notifications] == ["first"]
        may_go_on.set()
        await asyncio.wait_for(link.handlers.noted.wait(), BOUND_S)
        assert [each.method for each in link.handlers.notifications] == ["first", "second"]
