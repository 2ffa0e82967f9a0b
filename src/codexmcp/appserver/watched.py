"""A connection to app-server whose messages are compared with the contract.

For trials of a build: a break is recorded, and the message is used as always.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.answers import can_be_declined
from codexmcp.appserver.client import CALL_TIMEOUT_S, AppServer
from codexmcp.appserver.contract import contract, unknown_name
from codexmcp.appserver.drift import Difference, Kind, value_differences
from codexmcp.appserver.events import ItemStarted, parse_event
from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages


class Watch:
    """The record of a trial's messages.

    Attributes:
        differences: The differences from the contract, each once.
        seen: Methods and types of items in received messages.
    """

    def __init__(self) -> None:
        self.differences: dict[Difference, None] = {}
        self.seen: set[str] = set()

    def notification(self, method: str, params: Mapping[str, Any]) -> None:
        """Compare a notification, and its item."""
        self.seen.add(method)
        event = parse_event(method, params)
        if unknown := unknown_name(event):
            kind, _, name = unknown.partition(" ")
            self._add(Difference(Kind.NEWS, name, f"a new {kind}, in a message"))
        self._compare("notifications", method, params)
        if isinstance(event, ItemStarted):
            self.seen.add(event.item.type)
            self._compare("items", event.item.type, event.item.raw)

    def question(self, method: str, params: Mapping[str, Any]) -> None:
        """Compare a question of Codex."""
        self.seen.add(method)
        self._compare("questions", method, params)

    def answer(self, method: str, answer: Mapping[str, Any]) -> None:
        """Compare the answer to a request of ours."""
        self._compare("requests", method, answer)

    def refusal(self, error: RequestError) -> None:
        """Record the refusal of a request of ours, which a trial gives no cause for."""
        self._add(Difference(Kind.BREAK, error.method, f"was refused: {error.message}"))

    def _compare(self, kind: str, name: str, value: Mapping[str, Any]) -> None:
        use = contract().uses[kind].get(name)
        if use is None:
            return
        where = {"items": f"item {name}", "requests": f"{name} answer"}.get(kind, name)
        for each in value_differences(where, use.reads, value):
            self._add(each)

    def _add(self, difference: Difference) -> None:
        self.differences.setdefault(difference)


class WatchedServer(AppServer):
    """The client of an app-server under trial.

    Attributes:
        watch: The record of its messages.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base
        super().__init__(*args, **kwargs)
        self.watch = Watch()

    async def call(
        self, method: str, params: Mapping[str, Any], *, timeout_s: float | None = CALL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Call a method and compare the answer; see `AppServer.call`."""
        try:
            answer = await super().call(method, params, timeout_s=timeout_s)
        except RequestError as error:
            self.watch.refusal(error)
            raise
        self.watch.answer(method, answer)
        return answer

    async def on_request(self, request: messages.Request) -> object:
        """Compare a question of Codex; see `AppServer.on_request`."""
        if can_be_declined(request):
            self.watch.question(request.method, request.params)
        return await super().on_request(request)

    def on_notification(self, notification: messages.Notification) -> None:
        """Compare an event; see `AppServer.on_notification`."""
        self.watch.notification(notification.method, notification.params)
        super().on_notification(notification)
