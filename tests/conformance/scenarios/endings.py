"""Section 1.5: cancellation, calls beside each other, and how a conversation ends."""

from __future__ import annotations

import signal
from collections.abc import Iterable

from codexmcp.testing import Deltas, Text
from tests.conformance.scenario import (
    ANSWERS,
    EVENTS,
    FREE,
    HELLO,
    REQUESTS,
    Scenario,
    asking,
    held,
    one_call,
    says,
    shell,
)
from tests.conformance.steps import (
    MAYBE_S,
    CloseStdin,
    Event,
    Exit,
    File,
    Gone,
    Pause,
    Release,
    Requests,
    Response,
    Restart,
    Signal,
    cancel,
    codex,
    reply,
)

EXIT = frozenset({"exit"})
GONE = frozenset({"gone"})
# The command says its own id, so that a test sees whether it lives.
LONG = "echo $$ > pid; exec sleep 30"


def endings() -> Iterable[Scenario]:
    """Yield the scenarios."""
    yield from _cancellations()
    yield from _cancelled_commands()
    yield from _side_by_side()
    yield from _ends_of_stdin()
    yield from _signals()
    yield from _restarts()


def _cancellations() -> Iterable[Scenario]:
    silence = Response(1, optional_s=1.0)
    yield Scenario(
        "cancelled while the model is asked",
        lambda gate: (held(gate, Text("Late.")), Text("Again.")),
        (*HELLO, codex(1), Requests(1), cancel(1), silence),
        EVENTS,
    )
    yield Scenario(
        "cancelled and asked under the same id",
        lambda gate: (held(gate, Text("Late.")), Text("Hello.")),
        (*HELLO, codex(1), Requests(1), cancel(1), Event("turn_aborted"), codex(1), Response(1)),
        ANSWERS,
    )
    yield Scenario(
        "cancelled after its end",
        says(Text("Hello."), Text("Again.")),
        (*HELLO, codex(1), Response(1), cancel(1), reply(2, 1), Response(2)),
        EVENTS,
    )
    yield Scenario(
        "one of two cancelled",
        lambda gate: (held(gate, Text("Same.")), held(gate, Text("Same."))),
        (*HELLO, codex(1), codex(2), Requests(2), cancel(1), silence, Release(), Response(2)),
        ANSWERS,
    )


def _cancelled_commands() -> Iterable[Scenario]:
    # A reply after a cancellation is not compared: whether the removed server answers it is chance,
    # because the cancelled call still takes the thread's events away from later ones.
    yield Scenario(
        "cancelled during a command",
        says(shell(LONG)),
        (
            *HELLO,
            codex(1, **FREE),
            File("pid"),
            cancel(1),
            Event("turn_aborted"),
            Gone("pid", optional_s=MAYBE_S),
        ),
        ANSWERS | GONE,
    )
    yield Scenario(
        "cancelled while a command goes on",
        lambda gate: (shell(LONG, yield_time_ms=250), held(gate, Text("Late."))),
        (
            *HELLO,
            codex(1, **FREE),
            Requests(2),
            cancel(1),
            Event("turn_aborted"),
            Gone("pid", optional_s=MAYBE_S),
        ),
        ANSWERS | GONE,
    )


def _side_by_side() -> Iterable[Scenario]:
    yield Scenario(
        "two calls at once",
        # Both are asked before either is answered, or the second request would never come.
        lambda gate: (held(gate, Text("Same.")), held(gate, Text("Same."))),
        (*HELLO, codex(1), codex(2), Requests(2), Release(), Response(1), Response(2)),
        ANSWERS,
    )
    yield Scenario(
        "two replies on one thread",
        lambda gate: (Text("Hello."), held(gate, Text("One.")), Text("Two.")),
        (
            *HELLO,
            codex(1),
            Response(1),
            reply(2, 1),
            Requests(2),
            reply(3, 1),
            Pause(0.3),
            Release(),
            # Which of the two the removed server answers is chance.
            Response(2, optional_s=MAYBE_S),
            Response(3, optional_s=MAYBE_S),
        ),
        ANSWERS,
    )
    yield one_call("early output of a command", shell("echo a; sleep 0.3"), Text("Done."), **FREE)
    told = Event("exec_command_output_delta")
    yield Scenario(
        "output while a command runs",
        says(shell("sleep 0.3; echo b; sleep 0.3"), Text("Done.")),
        (*HELLO, codex(1, **FREE), told, Response(1)),
        EVENTS,
    )


def _ends_of_stdin() -> Iterable[Scenario]:
    yield asking("stdin ends without a call", *HELLO, CloseStdin(), Exit(), compare=EXIT)
    yield asking("stdin ends at once", CloseStdin(), Exit(), compare=EXIT)
    yield Scenario(
        "stdin ends after a call",
        says(Text("Hello.")),
        (*HELLO, codex(1), Response(1), CloseStdin(), Exit()),
        ANSWERS | EXIT,
    )
    yield Scenario(
        "stdin ends while the model is asked",
        lambda gate: (held(gate, Text("Hello.")),),
        (*HELLO, codex(1), Requests(1), CloseStdin(), Pause(0.3), Release(), Response(1), Exit()),
        ANSWERS | EVENTS | EXIT,
    )
    yield Scenario(
        "stdin ends during a command",
        says(shell("echo a > begun; sleep 0.5; echo b > ended"), Text("Done.")),
        (*HELLO, codex(1, **FREE), File("begun"), CloseStdin(), Response(1), Exit()),
        ANSWERS | EXIT | {"files"},
    )
    yield Scenario(
        "stdin ends after a cancellation",
        lambda gate: (held(gate, Text("Late.")),),
        (
            *HELLO,
            codex(1),
            Requests(1),
            cancel(1),
            Event("turn_aborted"),
            CloseStdin(),
            Exit(optional_s=MAYBE_S),
        ),
        EXIT,
    )
    yield Scenario(
        "stdin ends amid many deltas",
        says(Deltas("ab ", 500)),
        (*HELLO, codex(1), Event("agent_message_content_delta"), CloseStdin(), Response(1), Exit()),
        ANSWERS | EXIT,
    )


def _signals() -> Iterable[Scenario]:
    for number in (signal.SIGTERM, signal.SIGINT):
        yield asking(f"{number.name} at rest", *HELLO, Signal(number), Exit(), compare=EXIT)
    yield Scenario(
        "SIGTERM during a command",
        says(shell(LONG)),
        (*HELLO, codex(1, **FREE), File("pid"), Signal(signal.SIGTERM), Exit(), Gone("pid")),
        ANSWERS | EXIT | GONE,
    )
    yield Scenario(
        "SIGKILL during a command",
        says(shell(LONG)),
        (*HELLO, codex(1, **FREE), File("pid"), Signal(signal.SIGKILL), Exit(), Gone("pid")),
        ANSWERS | EXIT | GONE,
    )


def _restarts() -> Iterable[Scenario]:
    steps = (*HELLO, codex(1), Response(1), Restart(), *HELLO, reply(2, 1), Response(2))
    yield Scenario(
        "reply after a restart",
        says(Text("Hello."), Text("Again.")),
        steps,
        ANSWERS | REQUESTS,
        strict=True,
    )
