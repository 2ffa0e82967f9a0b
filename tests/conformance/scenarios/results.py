"""Section 1.3: what a call answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from codexmcp.testing import Deltas, FunctionCall, Message, Reply, Text, Usage
from tests.conformance.scenario import ANSWERS, EVENTS, HELLO, REQUESTS, Scenario, one_call, says
from tests.conformance.steps import Response, Send, call, codex, reply

GREETING = Text("Hello.")


def results() -> Iterable[Scenario]:
    """Yield the scenarios."""
    for scenario in (*_answers(), *_progress_tokens(), *_threads(), *_spellings()):
        yield replace(scenario, strict=True)


def _answers() -> Iterable[Scenario]:
    yield one_call("result of an empty answer", Reply(()))
    yield one_call("result of an empty message", Text(""))
    yield one_call("result of two messages", Reply((Message("First."), Message("Second."))))
    commentary = Reply(
        (Message("I look."), FunctionCall("exec_command", {"cmd": "true"}, "call_1"))
    )
    yield one_call("result after commentary", commentary, Text("Done."))
    yield one_call("result of commentary only", commentary, Reply(()))
    yield one_call("result with non-ascii", Text("Grüße \N{ROBOT FACE}\u2028\n"))
    yield one_call("result of many deltas", Deltas("ab ", 20))


def _progress_tokens() -> Iterable[Scenario]:
    for name, value in {"int": 5, "string": "five"}.items():
        steps = (
            *HELLO,
            Send(
                {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": {
                        "name": "codex",
                        "arguments": {"prompt": "Hi."},
                        "_meta": {"progressToken": value},
                    },
                }
            ),
            Response(1),
        )
        yield Scenario(f"progress token {name}", says(GREETING), steps, EVENTS)


def _threads() -> Iterable[Scenario]:
    steps = (*HELLO, codex(1), Response(1), reply(2, 1), Response(2), reply(3, 1), Response(3))
    texts = (
        Text("One.", Usage(10, 2)),
        Text("Two.", Usage(20, 3, 5)),
        Text("Three.", Usage(30, 4)),
    )
    yield Scenario("three turns", says(*texts), steps, EVENTS)
    yield Scenario("three turns, as the model sees them", says(*texts), steps, REQUESTS)
    steps = (
        *HELLO,
        codex("a"),
        Response("a"),
        codex("b"),
        Response("b"),
        reply("c", "a"),
        Response("c"),
    )
    yield Scenario("two threads", says(GREETING, GREETING, GREETING), steps, EVENTS)
    twice = (*HELLO, codex(1), Response(1), codex(1), Response(1))
    yield Scenario("a request id used again", says(GREETING, GREETING), twice, ANSWERS)


def _spellings() -> Iterable[Scenario]:
    old = call("codex-reply", {"conversationId": "<thread 1>", "prompt": "Go on."}, 2)
    yield Scenario(
        "reply by conversationId",
        says(GREETING, GREETING),
        (*HELLO, codex(1), Response(1), old, Response(2)),
        EVENTS,
    )
    braces = call("codex-reply", {"threadId": "{<thread 1>}", "prompt": "Go on."}, "r")
    yield Scenario(
        "reply by id in braces",
        says(GREETING, GREETING),
        (*HELLO, codex(1), Response(1), braces, Response("r")),
        EVENTS,
    )
