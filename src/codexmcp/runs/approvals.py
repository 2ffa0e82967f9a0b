"""The waiting questions of Codex.

Owns a question from the request until the answer, here or on another connection of the same
app-server, or until the end of the run.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from codexmcp.appserver.answers import (
    DECLINED,
    Answer,
    ApprovalDecision,
    kind_of,
    question_text,
)
from codexmcp.appserver.forms import fitted, form_of, url_of
from codexmcp.data_classes import dataclass
from codexmcp.errors import RunErrorFields, RunErrorKind, StateError
from codexmcp.jsonrpc.messages import Request, RequestId

DECISIONS: Mapping[str, ApprovalDecision] = {
    "accept": ApprovalDecision.ACCEPT,
    "accept_for_session": ApprovalDecision.ACCEPT_FOR_SESSION,
    "decline": ApprovalDecision.DECLINE,
    "cancel": ApprovalDecision.CANCEL,
}
"""Decisions by the words common to all entry points."""

ELSEWHERE = "somebody who is attached"
RUN_ENDED = "nobody: the run ended"
UNANSWERED = "nobody: there was no answer in time"

ANSWER_TIMEOUT_S = 24 * 3600.0
"""Bound on the wait for an answer; then the answer is no. The bound of a run also ends the wait."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A waiting question.

    Attributes:
        id: Unique id, for the answer.
        run_id: The waiting run.
        kind: `command`, `file_change`, `permissions`, `input` or `elicitation`.
        text: The question, in one line.
        request: Codex's request.
        agent: Path of the asking sub-agent; empty for the root.
    """

    id: str
    run_id: str
    kind: str
    text: str
    request: Request
    agent: str = ""

    @property
    def form(self) -> Mapping[str, Any] | None:
        """The JSON Schema of the form. None: no form."""
        return form_of(self.request)

    @property
    def url(self) -> str | None:
        """The address to open for the answer. None: no address."""
        return url_of(self.request)


@dataclass(frozen=True, slots=True)
class Decision:
    """The result of a question.

    Attributes:
        answer: The answer. None: answered on another connection.
        by: Person or program behind the decision.
    """

    answer: Answer | None
    by: str


class Approvals:
    """All waiting questions of one app-server.

    Args:
        on_change: Called with a run's id after a change in the number of its questions.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._waiting: dict[str, tuple[Approval, asyncio.Future[Decision]]] = {}
        self._asked = 0
        # A retry of the run, in another process, counts from the beginning; an answer must not
        # reach a question of the earlier attempt.
        self._mark = secrets.token_hex(4)

    async def ask(
        self, run_id: str, request: Request, agent: str = ""
    ) -> tuple[Approval, Decision]:
        """Wait for the answer to a question of Codex; without an answer within the bound, decline.

        Args:
            run_id: The waiting run.
            request: Codex's request.
            agent: Path of the asking sub-agent; empty for the root.
        """
        self._asked += 1
        approval = Approval(
            f"{run_id}.{self._asked}-{self._mark}",
            run_id,
            kind_of(request),
            question_text(request),
            request,
            agent,
        )
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._waiting[approval.id] = (approval, future)
        self._on_change(run_id)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return approval, await future
        except TimeoutError:
            return approval, Decision(DECLINED, UNANSWERED)
        finally:
            del self._waiting[approval.id]
            self._on_change(run_id)

    def pending(self, run_id: str | None = None) -> list[Approval]:
        """Return the waiting questions, of one run or of all runs."""
        every = (approval for approval, future in self._waiting.values() if not future.done())
        return [approval for approval in every if run_id in {None, approval.run_id}]

    def answer(self, approval_id: str, answer: Answer, *, by: str) -> Approval:
        """Answer a question; missing fields of the form get the defaults.

        Raises:
            StateError: The question does not wait, or no longer.
            UsageError: The answer is an acceptance, and the content does not fit the form.
        """
        approval, future = self._waiting.get(approval_id, (None, None))
        if approval is None or future is None or future.done():
            raise StateError(
                f"no question {approval_id} waits: it was answered, or its run is over",
                RunErrorKind.NO_QUESTION,
                RunErrorFields(approval_id=approval_id),
            )
        future.set_result(Decision(fitted(approval.request, answer), by))
        return approval

    def resolved_elsewhere(self, run_id: str, request_id: RequestId) -> None:
        """Settle a question answered on another connection."""
        for approval, future in self._waiting.values():
            same = approval.run_id == run_id and approval.request.id == request_id
            if same and not future.done():
                future.set_result(Decision(None, ELSEWHERE))

    def withdraw(self, run_id: str) -> None:
        """Settle the open questions of an ended run."""
        for approval, future in self._waiting.values():
            if approval.run_id == run_id and not future.done():
                future.set_result(Decision(DECLINED, RUN_ENDED))
