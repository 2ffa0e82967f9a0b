"""The questions of Codex that wait for somebody's answer.

Owns them from the moment Codex asks until somebody answers, here or on another connection of the
same app-server, or until the run is over.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codexmcp.appserver.answers import DECLINED, Answer, Question
from codexmcp.errors import StateError
from codexmcp.jsonrpc.messages import Request, RequestId
from codexmcp.jsonvalues import object_of, text_of

ELSEWHERE = "somebody who is attached"
RUN_ENDED = "nobody: the run ended"


@dataclass(frozen=True, slots=True)
class Approval:
    """A question that waits.

    Attributes:
        id: Names it to those who answer.
        run_id: The run that waits for it.
        kind: `command`, `file_change`, `permissions`, `input` or `elicitation`.
        text: What is asked, in one line.
        request: Codex's request.
    """

    id: str
    run_id: str
    kind: str
    text: str
    request: Request


@dataclass(frozen=True, slots=True)
class Decision:
    """How a question was settled.

    Attributes:
        answer: The answer; None when it was settled on another connection.
        by: Who settled it.
    """

    answer: Answer | None
    by: str


class Approvals:
    """All questions of one app-server that wait.

    Args:
        on_change: Is told a run's id when its questions have become more or fewer.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._waiting: dict[str, tuple[Approval, asyncio.Future[Decision]]] = {}
        self._asked = 0
        # A retry of the run, by another process, counts anew; an answer must not reach what it
        # was not meant for.
        self._mark = secrets.token_hex(4)

    async def ask(self, run_id: str, request: Request) -> tuple[Approval, Decision]:
        """Wait for the answer to a question of Codex."""
        self._asked += 1
        approval = Approval(
            f"{run_id}.{self._asked}-{self._mark}",
            run_id,
            _KINDS[Question(request.method)],
            _text(request),
            request,
        )
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._waiting[approval.id] = (approval, future)
        self._on_change(run_id)
        try:
            return approval, await future
        finally:
            del self._waiting[approval.id]
            self._on_change(run_id)

    def pending(self, run_id: str | None = None) -> list[Approval]:
        """Return the questions that wait, of one run or of all."""
        every = (approval for approval, future in self._waiting.values() if not future.done())
        return [approval for approval in every if run_id in {None, approval.run_id}]

    def answer(self, approval_id: str, answer: Answer, *, by: str) -> Approval:
        """Answer a question.

        Raises:
            StateError: It does not wait, or not any more.
        """
        approval, future = self._waiting.get(approval_id, (None, None))
        if approval is None or future is None or future.done():
            raise StateError(
                f"no question {approval_id} waits: it was answered, or its run is over; "
                "codex_approvals lists those that do"
            )
        future.set_result(Decision(answer, by))
        return approval

    def resolved_elsewhere(self, run_id: str, request_id: RequestId) -> None:
        """Take note that Codex has got an answer on another connection."""
        for approval, future in self._waiting.values():
            same = approval.run_id == run_id and approval.request.id == request_id
            if same and not future.done():
                future.set_result(Decision(None, ELSEWHERE))

    def withdraw(self, run_id: str) -> None:
        """Settle what a run still asks, because it is over."""
        for approval, future in self._waiting.values():
            if approval.run_id == run_id and not future.done():
                future.set_result(Decision(DECLINED, RUN_ENDED))


_KINDS = {
    Question.COMMAND: "command",
    Question.FILE_CHANGE: "file_change",
    Question.PERMISSIONS: "permissions",
    Question.USER_INPUT: "input",
    Question.ELICITATION: "elicitation",
}

_TEXT_CHARACTERS = 400


def _text(request: Request) -> str:
    text = " ".join(_question(request).split())
    return text if len(text) <= _TEXT_CHARACTERS else f"{text[: _TEXT_CHARACTERS - 1]}…"


def _question(request: Request) -> str:
    params: Mapping[str, Any] = request.params
    reason = f" ({params['reason']})" if params.get("reason") else ""
    match request.method:
        case Question.COMMAND:
            return f"run `{params.get('command')}`{reason}"
        case Question.FILE_CHANGE:
            return f"change files outside of the sandbox{reason}"
        case Question.PERMISSIONS:
            return f"use more permissions{reason}"
        case Question.ELICITATION:
            server = text_of(params.get("serverName")) or "an MCP server"
            return f"{server} asks: {params.get('message')}"
        case _:
            questions = [object_of(each).get("question") for each in params.get("questions") or ()]
            return f"asks: {'; '.join(map(str, questions))}"
