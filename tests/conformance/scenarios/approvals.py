"""Section 1.6: questions, and what the client's answers lead to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codexmcp.testing import Reply, Text
from tests.conformance.scenario import (
    ASKED,
    HELLO,
    REQUESTS,
    Scenario,
    one_call,
    patch,
    says,
    shell,
)
from tests.conformance.steps import (
    MAYBE_S,
    Answer,
    Response,
    codex,
    initialize,
    notify,
    reply,
)

ASKING = (
    initialize(capabilities={"elicitation": {}}),
    Response(0),
    notify("notifications/initialized"),
)
WHOLE = ASKED | REQUESTS | {"rules"}
DONE = Text("Done.")
COMMAND = shell(
    "touch new.txt && echo ok",
    sandbox_permissions="require_escalated",
    justification="It is needed.",
)
PATCH = patch("*** Add File: new.txt\n+hello")

_AMENDMENT = {"approved_execpolicy_amendment": {"proposed_execpolicy_amendment": ["touch"]}}

ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "approved": {"result": {"decision": "approved"}},
    "approved with more": {"result": {"decision": "approved", "action": "decline", "content": {}}},
    "approved_for_session": {"result": {"decision": "approved_for_session"}},
    "denied with a reason": {"result": {"decision": {"denied": {"rejection": "Not now."}}}},
    "denied": {"result": {"decision": "denied"}},
    "timed_out": {"result": {"decision": "timed_out"}},
    "an unknown decision": {"result": {"decision": "perhaps"}},
    "decision null": {"result": {"decision": None}},
    "decision number": {"result": {"decision": 5}},
    "an empty object": {"result": {}},
    "a list": {"result": []},
    "action accept": {"result": {"action": "accept", "content": {}}},
    "action decline": {"result": {"action": "decline"}},
}
# After these the removed server never answers the call.
ENDS: Mapping[str, Mapping[str, Any]] = {
    "abort": {"result": {"decision": "abort"}},
    "an error": {"error": {"code": -32601, "message": "no"}},
}


def approvals() -> Iterable[Scenario]:
    """Yield the scenarios."""
    for kind, asks in (("command", COMMAND), ("patch", PATCH)):
        for name, answer in ANSWERS.items():
            yield _question(f"{kind} question, {name}", asks, answer)
        for name, answer in ENDS.items():
            yield _question(f"{kind} question, {name}", asks, answer, wait_s=MAYBE_S)
        yield _question(
            f"{kind} question, action cancel",
            asks,
            {"result": {"action": "cancel"}},
            wait_s=MAYBE_S,
        )
        yield Scenario(
            f"{kind} question, no answer",
            says(asks, DONE),
            (*ASKING, codex(1, sandbox="read-only"), Response(1, optional_s=MAYBE_S)),
            ASKED,
            options=("--approval-timeout=0.5",),
        )
    yield _question("command question, amendment", COMMAND, {"result": {"decision": _AMENDMENT}})
    yield _question(
        "command question, amendment allowed",
        COMMAND,
        {"result": {"decision": _AMENDMENT}},
        options=("--allow-policy-amendments",),
    )
    yield from _others()


def _others() -> Iterable[Scenario]:
    approved = {"result": {"decision": "approved"}}
    yield Scenario(
        "question to a client that takes none",
        says(COMMAND, DONE),
        (*HELLO, codex(1, sandbox="read-only"), Answer(approved, unless=1), Response(1)),
        WHOLE,
        strict=True,
    )
    twice = (Answer(approved), Response(1), reply("r", 1), Answer(approved, number=1))
    yield Scenario(
        "questions of two turns",
        says(COMMAND, DONE, _again(), DONE),
        (*ASKING, codex(1, sandbox="read-only"), *twice, Response("r")),
        ASKED,
    )
    session = {"result": {"decision": "approved_for_session"}}
    yield Scenario(
        "the same question in one session",
        says(COMMAND, DONE, _again(), DONE),
        (
            *ASKING,
            codex(1, sandbox="read-only"),
            Answer(session),
            Response(1),
            reply(2, 1),
            Response(2),
        ),
        ASKED,
    )
    for kind, asks in (("command", COMMAND), ("patch", PATCH)):
        yield one_call(
            f"{kind} without questions",
            asks,
            DONE,
            compare=WHOLE,
            sandbox="read-only",
            approval_policy="never",
        )


def _again() -> Reply:
    return shell(
        "touch new.txt && echo ok",
        "call_2",
        sandbox_permissions="require_escalated",
        justification="It is needed.",
    )


def _question(
    name: str,
    asks: Reply,
    answer: Mapping[str, Any],
    wait_s: float | None = None,
    options: tuple[str, ...] = (),
) -> Scenario:
    call = codex(1, sandbox="read-only")
    steps = (*ASKING, call, Answer(answer), Response(1, optional_s=wait_s))
    return Scenario(name, says(asks, DONE), steps, WHOLE, options=options)
