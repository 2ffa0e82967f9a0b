"""One `tools/call` under way: what its client is told, and what it is asked.

Owns the translation of events for the call, its progress notifications and its questions.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from codexmcp.appserver.answers import DECLINED, Answer
from codexmcp.appserver.events import Event, ItemStarted
from codexmcp.appserver.progress import describe
from codexmcp.appserver.requests import ThreadInfo
from codexmcp.errors import CodexMCPError
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import dig
from codexmcp.server import codex_events
from codexmcp.server.codex_items import Msg
from codexmcp.server.engine import Listener
from codexmcp.server.questions import elicitation_params, read_answer

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 10.0
"""Longest time without a progress notification. Clients were seen to give up after 60 s, and ones
with an idle timeout of 15 s are to stay as well."""


@dataclass(frozen=True, slots=True)
class AskingRules:
    """How questions of Codex are put to the client.

    Attributes:
        can_ask: Whether the client takes elicitations.
        timeout_s: How long it may take to answer, in seconds.
        default: What holds when it does not answer.
    """

    can_ask: bool = False
    timeout_s: float = 300.0
    default: Answer = DECLINED


class Call:
    """One call.

    Args:
        connection: The client's connection.
        request: The `tools/call`.
        rules: How questions are put.
    """

    def __init__(self, connection: Connection, request: Request, rules: AskingRules) -> None:
        self._connection = connection
        self._id: RequestId = request.id
        self._rules = rules
        self._translator = codex_events.EventTranslator()
        self._changes: dict[str, Any] = {}
        self._asking: set[asyncio.Task[Any]] = set()
        self._progress_token = dig(request.params, "_meta", "progressToken")
        self._progress = 0
        self._doing = "Codex is starting"
        self._told = asyncio.Event()

    def listener(self) -> Listener:
        """Return the engine's view of this call."""
        return Listener(self.on_thread, self.on_event, self.on_question)

    def on_thread(self, thread: ThreadInfo) -> None:
        """Tell the client of the thread."""
        for msg in codex_events.session_configured(thread.raw):
            self._send_event(thread.id, "", msg)

    def on_event(self, thread_id: str, event: Event) -> None:
        """Tell the client of an event."""
        if isinstance(event, ItemStarted) and event.item.type == "fileChange":
            self._changes[event.item.id] = event.item.raw.get("changes")
        for msg in self._translator.translate(event):
            self._send_event(thread_id, event.turn_id, msg)
        if self._progress_token is not None:
            doing = describe(event)
            if doing is not None:
                self.tell(doing)

    def tell(self, doing: str) -> None:
        """Tell a client that asked for progress what is done now, if that is news."""
        if self._progress_token is not None and doing != self._doing:
            self._doing = doing
            self._tell_progress()

    async def on_question(self, request: Request) -> Answer:
        """Ask the client; without an answer in time the default holds."""
        changes = self._changes.get(str(request.params.get("itemId", "")))
        params = elicitation_params(request, self._id, changes)
        if params is None or not self._rules.can_ask:
            return self._rules.default
        thread_id, turn_id = (str(request.params.get(name, "")) for name in ("threadId", "turnId"))
        for msg in codex_events.approval_requested(request, changes):
            self._send_event(thread_id, turn_id, msg)
        asking = asyncio.current_task()
        assert asking is not None
        self._asking.add(asking)
        try:
            result = await self._connection.request(
                "elicitation/create",
                params,
                timeout_s=self._rules.timeout_s,
                withdrawal="notifications/cancelled",
            )
        except CodexMCPError as error:
            logger.warning("the client did not answer a question of Codex: %s", error)
            return self._rules.default
        finally:
            self._asking.discard(asking)
        return read_answer(result)

    def withdraw_questions(self) -> None:
        """Ask no longer: the call has ended."""
        for asking in tuple(self._asking):
            asking.cancel()

    async def keep_alive(self) -> None:
        """Send a progress notification every so often, until cancelled."""
        while self._progress_token is not None:
            self._tell_progress()
            await asyncio.sleep(PROGRESS_INTERVAL_S)

    def _tell_progress(self) -> None:
        self._progress += 1
        self._connection.notify(
            "notifications/progress",
            {
                "progressToken": self._progress_token,
                "progress": self._progress,
                "message": self._doing,
            },
        )

    def _send_event(self, thread_id: str, turn_id: str, msg: Msg) -> None:
        meta = {"requestId": self._id, "threadId": thread_id}
        self._connection.notify("codex/event", {"_meta": meta, "id": turn_id, "msg": msg})
