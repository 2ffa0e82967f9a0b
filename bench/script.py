"""What the scripted model does for a prompt, by the prompt's first word. Pure.

Both ends use it: the measurements to make prompts and to check answers, the model to give them.
"""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from itertools import count

from codexmcp.rehearsal.shell import poll_call, runs_of, start_call
from codexmcp.testing import (
    Call,
    Delay,
    Deltas,
    FunctionCall,
    HTTPError,
    Outcome,
    Paced,
    Reply,
    Request,
    Spawn,
    Stall,
    Text,
    WaitForAgents,
    outcome_of,
)

SLOW_S = 2.0
"""How long the model thinks about a slow prompt."""

DELTAS = 20_000
"""In how many pieces a long answer comes."""

STEADY_DELTAS = 20
"""In how many pieces a steady answer comes, over `SLOW_S`."""

ENDLESS_S = 600.0
"""How long an endless answer takes, at the pace of a steady one."""

OUTPUT_BYTES = 50_000_000
"""What the command of a loud prompt prints."""

_CHATTER = "import time\nfor n in range(3000):\n    print(n, flush=True)\n    time.sleep(0.02)"
_COMMANDS = {
    "loud": f"yes 'one line of a long output' | head -c {OUTPUT_BYTES}",
    # Bounded, because a server may leave it running.
    "chatter": shlex.join([sys.executable, "-c", _CHATTER]),
}
_EVENTS_WITH_A_DELTA = 4

_numbers = count(1)


class Kind(StrEnum):
    """What the model does.

    It answers at once, or has two sub-agents do so first, or answers after `SLOW_S`, or in
    `DELTAS` pieces, or in a steady stream that ends, or that does not; has a command run that
    prints `OUTPUT_BYTES`, or 50 lines a second for a minute; says the beginning of an answer and no
    more.
    """

    PLAIN = "question"
    TREE = "tree"
    SLOW = "slow"
    LONG = "long"
    STEADY = "steady"
    ENDLESS = "endless"
    LOUD = "loud"
    CHATTER = "chatter"
    SILENT = "silent"


def prompt(kind: Kind = Kind.PLAIN) -> str:
    """Return a prompt that no other is like."""
    return f"{kind} {next(_numbers)}"


def answer_to(asked: str) -> str:
    """Return what the model says to a prompt in the end."""
    kind, _, rest = asked.partition(" ")
    pieces = {Kind.LONG: DELTAS, Kind.STEADY: STEADY_DELTAS}.get(Kind(kind))
    return f"The answer to {asked}." if pieces is None else _piece(rest) * pieces


def outcome(request: Request) -> Outcome:
    """Return how the model treats a request of Codex."""
    asked = request.turn.prompt
    kind, _, rest = asked.partition(" ")
    answer = Text(answer_to(asked))
    match kind:
        case Kind.TREE:
            return _with_sub_agents(request, answer)
        case Kind.SLOW:
            return Delay(SLOW_S, answer)
        case Kind.LONG:
            return Deltas(_piece(rest), DELTAS)
        case Kind.STEADY:
            return Paced(SLOW_S, Deltas(_piece(rest), STEADY_DELTAS))
        case Kind.ENDLESS:
            pieces = round(ENDLESS_S / SLOW_S * STEADY_DELTAS)
            return Paced(ENDLESS_S, Deltas(_piece(rest), pieces))
        case Kind.SILENT:
            return Stall(after_events=_EVENTS_WITH_A_DELTA, of=answer)
        case Kind.LOUD | Kind.CHATTER:
            return _after_command(request, _COMMANDS[kind], answer)
        case _:
            return answer


def _with_sub_agents(request: Request, answer: Reply) -> Outcome:
    spawned = [Spawn(name, prompt()) for name in ("a", "b")]
    steps: list[Call | Reply] = [*spawned, WaitForAgents(), WaitForAgents(), answer]
    return outcome_of(steps[len(request.turn.steps)], request)


def _after_command(request: Request, command: str, answer: Reply) -> Outcome:
    runs = runs_of(request.turn.steps)
    if not runs:
        return Reply((start_call(request.body, command),))
    if runs[-1].running:
        call: FunctionCall = poll_call(runs[-1])
        return Reply((call,))
    return answer if runs[-1].exit_code == 0 else HTTPError(400, f"failed: {runs[-1]}")


def _piece(text: str) -> str:
    return f"{text:>5},"
