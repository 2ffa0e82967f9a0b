"""What a human at a terminal does to runs: as the run tools do, but in a human's name."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.appserver.answers import Answer, Verdict
from codexmcp.errors import UsageError
from codexmcp.jsonrpc.messages import JsonObject
from codexmcp.jsonvalues import text_of
from codexmcp.runs.service import RunService
from codexmcp.server.protocol import Method
from codexmcp.supervisor.methods import ANSWER, INTERRUPT

BY_HUMAN = "a human at the terminal"

DECISIONS: Mapping[str, Verdict] = {
    "accept": Verdict.ACCEPT,
    "accept_for_session": Verdict.ACCEPT_FOR_SESSION,
    "decline": Verdict.DECLINE,
    "cancel": Verdict.CANCEL,
}


def human_methods(service: RunService) -> dict[str, Method]:
    """Return the methods by which a human acts on runs."""

    async def interrupt(params: JsonObject) -> object:
        run = await service.interrupt(text_of(params.get("runId")) or "", by=BY_HUMAN)
        return {"runId": run.id, "status": run.state, "threadId": run.thread_id}

    async def answer(params: JsonObject) -> object:
        decision = text_of(params.get("decision")) or ""
        if decision not in DECISIONS:
            raise UsageError(f"decision {decision!r} is none of {', '.join(DECISIONS)}")
        question_id = text_of(params.get("approvalId")) or ""
        approval = service.answer(question_id, Answer(DECISIONS[decision]), by=BY_HUMAN)
        return {"approvalId": approval.id, "runId": approval.run_id, "decision": decision}

    return {INTERRUPT: interrupt, ANSWER: answer}
