"""A running `tools/call`: notifications and questions to the client.

Owns the translation of events for the call, its progress notifications and its questions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from codexmcp.appserver.answers import DECLINED, Answer, to_codex
from codexmcp.appserver.events import Event, ItemStarted
from codexmcp.appserver.forms import fitted
from codexmcp.appserver.progress import describe
from codexmcp.appserver.requests import ThreadInfo
from codexmcp.appserver.unreported import RECONSTRUCTED
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.jsonrpc.connection import Connection
from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import dig
from codexmcp.policy.conversations import Listener
from codexmcp.server import codex_events
from codexmcp.server.codex_items import Msg
from codexmcp.server.questions import elicitation_params, read_answer

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 10.0
"""Longest time without a progress notification. Some clients give up after 60 s (observed); clients
with an idle timeout of 15 s must also stay."""


Ask = Callable[[dict[str, Any]], Awaitable[object]]
"""Asks the client; takes the parameters of `elicitation/create` and returns the result."""


@dataclass(frozen=True, slots=True)
class AskingRules:
    """Rules for putting Codex's questions to the client.

    Attributes:
        timeout_s: Bound on the client's answer, in seconds.
        default: The answer after the bound.
        allow_amendments: An answer may write a rule to the Codex home.
    """

    timeout_s: float = 300.0
    default: Answer = DECLINED
    allow_amendments: bool = False


class Call:
    """A call.

    Args:
        connection: The client's connection.
        request: The `tools/call`.
        rules: Rules for questions.
        ask: Asks the client. None: the client cannot be asked.
        is_strict: The client gets only messages of the removed server.
    """

    def __init__(
        self,
        connection: Connection,
        request: Request,
        rules: AskingRules,
        ask: Ask | None = None,
        *,
        is_strict: bool = False,
    ) -> None:
        self._is_strict = is_strict
        self._ask = ask
        self._connection = connection
        self._id: RequestId = request.id
        self._rules = rules
        self._translator = codex_events.EventTranslator()
        self._changes: dict[str, Any] = {}
        self._asking: set[asyncio.Task[Any]] = set()
        self._progress_token = dig(request.params, "_meta", "progressToken")
        self._progress = 0
        self._doing = "Codex is starting"

    def continue_for(self, request: Request | None) -> None:
        """Report progress to a further request of the call; None for no request."""
        token = None if request is None else dig(request.params, "_meta", "progressToken")
        self._progress_token = token

    def listener(self) -> Listener:
        """Return the callbacks of this call for the engine."""
        return Listener(self.on_thread, on_event=self.on_event, on_question=self.on_question)

    def on_thread(self, thread: ThreadInfo) -> None:
        """Report the thread to the client."""
        for msg in codex_events.session_configured(thread.raw):
            self._send_event(thread.id, "", msg)

    def on_event(self, thread_id: str, event: Event, agent: str = "") -> None:
        """Report an event to the client.

        Args:
            thread_id: The thread of the call.
            event: An event of the call's tree.
            agent: Path of the sub-agent of the event, reported as progress only; empty for the
                root.
        """
        if isinstance(event, ItemStarted) and event.item.type == "fileChange":
            self._changes[event.item.id] = event.item.raw.get("changes")
        if not agent and not (self._is_strict and event.params.get(RECONSTRUCTED)):
            for msg in self._translator.translate(event):
                self._send_event(thread_id, event.turn_id, msg)
        if self._progress_token is not None:
            doing = describe(event, agent)
            if doing is not None:
                self.tell(doing)

    def tell(self, doing: str) -> None:
        """Report the current step to a client with a progress token, unless already reported."""
        if self._progress_token is not None and doing != self._doing:
            self._doing = doing
            self._tell_progress()

    async def on_question(self, request: Request, agent: str) -> object:
        """Answer a question of Codex by asking the client.

        Args:
            request: The question.
            agent: Path of the asking sub-agent; empty for the root.
        """
        answer = await self._asked(request, agent)
        return to_codex(request, answer, allow_amendments=self._rules.allow_amendments)

    async def _asked(self, request: Request, agent: str) -> Answer:
        """Ask the client; without an answer in time, return the default."""
        changes = self._changes.get(str(request.params.get("itemId", "")))
        params = elicitation_params(request, self._id, changes, agent)
        if params is None or self._ask is None:
            return self._rules.default
        thread_id, turn_id = (str(request.params.get(name, "")) for name in ("threadId", "turnId"))
        for msg in codex_events.approval_requested(request, changes):
            self._send_event(thread_id, turn_id, msg)
        asking = asyncio.current_task()
        assert asking is not None
        self._asking.add(asking)
        try:
            async with asyncio.timeout(self._rules.timeout_s):
                result = await self._ask(params)
            return fitted(request, read_answer(result))
        except (CodexMCPError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            logger.warning("the client did not answer a question of Codex: %s", reason)
            return self._rules.default
        finally:
            self._asking.discard(asking)

    def withdraw_questions(self) -> None:
        """Withdraw open questions after the end of the call."""
        for asking in tuple(self._asking):
            asking.cancel()

    async def keep_alive(self) -> None:
        """Send periodic progress notifications until cancelled."""
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
