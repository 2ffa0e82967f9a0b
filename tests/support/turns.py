"""A thread of a fake app-server, on which turns are run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import Event
from codexmcp.appserver.requests import text_input
from codexmcp.codex.turns import SubAgentHandling, Turn, TurnLimits, TurnResult, run_turn
from tests.support.fake_app_server import BOUND_S, Answer, FakeAppServer

THREAD = "thread-1"
TURN = "turn-1"
SHORT_S = 0.05
GIVEN_UP = ["turn/interrupt", "thread/backgroundTerminals/clean"]
NO_LIMITS = TurnLimits(timeout_s=None, idle_s=None)


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
        fake.answers["turn/start"] = self._start
        fake.answers["turn/interrupt"] = self._interrupt
        self.spent = 0

    def _start(self, _params: Mapping[str, Any]) -> Answer:
        self.emit("turn/started", turn={"id": TURN})
        return {"turn": {"id": TURN}}

    def _interrupt(self, params: Mapping[str, Any]) -> Answer:
        ended = completed("interrupted", params["turnId"])
        self.fake.emit("turn/completed", **{**ended, "threadId": params["threadId"]})
        return {}

    def run(
        self,
        limits: TurnLimits = NO_LIMITS,
        on_event: Callable[[Event], None] | None = None,
        on_children: SubAgentHandling = SubAgentHandling.LEAVE,
    ) -> asyncio.Task[TurnResult]:
        """Start `run_turn`; its wait is bounded for the test."""
        turn = Turn(
            [text_input("go")],
            limits=limits,
            on_children=on_children,
            on_event=on_event or self.events.append,
        )
        running = run_turn(self.server, THREAD, turn)
        return asyncio.create_task(asyncio.wait_for(running, BOUND_S))

    async def begin(self, limits: TurnLimits = NO_LIMITS) -> asyncio.Task[TurnResult]:
        """Start `run_turn` and wait until Codex has taken the turn on."""
        running = self.run(limits)
        await self.fake.wait_for_call("turn/start")
        await self.server.call("sync", {})
        return running

    def emit(self, method: str, **params: Any) -> None:
        self.fake.emit(method, **{"threadId": THREAD, "turnId": TURN, **params})

    def emit_usage(self, tokens: int, turn_id: str = TURN, *, again: bool = False) -> None:
        """Tell the tokens of a response; `again`: repeat those of the last one."""
        self.spent += 0 if again else tokens
        usage = {
            "total": {"inputTokens": self.spent, "totalTokens": self.spent},
            "last": {"inputTokens": tokens, "totalTokens": tokens},
        }
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
