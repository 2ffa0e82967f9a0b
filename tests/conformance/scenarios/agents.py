"""Sub-agents: those of a catalogue model, and those of the plain tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from codexmcp.rehearsal.conversation import text_of
from codexmcp.testing import Delay, Outcome, Request, Text
from codexmcp.testing import Step as ModelStep
from tests.conformance.raw import raw, tool_call
from tests.conformance.scenario import FREE, HELLO, Gate, Scenario
from tests.conformance.steps import PROMPT, Pause, Response, Step, codex, reply

DONE = Text("Done.")
STRANGER = "01a22ead-7701-79e2-ba66-16e5da5625c9"
_REQUESTS = 20

RootStep: TypeAlias = Outcome | Callable[[Request], Outcome]


def agents() -> Iterable[Scenario]:
    """Yield the scenarios."""
    named = {"task_name": "a", "message": "Work.", "fork_turns": "none"}
    spawn = tool_call("spawn_agent", "collaboration", **named)
    wait = tool_call("wait_agent", "collaboration", timeout_ms=20_000)
    yield _scenario("agent, waited for", raw(spawn), raw(wait), DONE)
    tell = tool_call("send_message", "collaboration", target="a", message="More.")
    stop = tool_call("interrupt_agent", "collaboration", target="a")
    yield _scenario("agent, stopped", raw(spawn), raw(tell), raw(stop), DONE, child_s=20)
    yield _scenario(
        "agent that ends between two calls",
        raw(spawn),
        DONE,
        DONE,
        then=(Pause(1.5), reply(2, 1), Response(2)),
    )
    waited = _of_agent("wait_agent", "targets", timeout_ms=20_000)
    yield _scenario(
        "agent by plain tools",
        raw(tool_call("spawn_agent", "multi_agent_v1", message="Work.")),
        waited,
        _of_agent("send_input", "target", message="More."),
        waited,
        _of_agent("close_agent", "target"),
        _of_agent("resume_agent", "id"),
        DONE,
        catalogue=False,
    )
    unknown = (
        tool_call("wait_agent", "multi_agent_v1", targets=[STRANGER], timeout_ms=10_000),
        tool_call("send_input", "multi_agent_v1", target=STRANGER, message="Who?"),
        tool_call("close_agent", "multi_agent_v1", target=STRANGER),
        tool_call("resume_agent", "multi_agent_v1", id=STRANGER),
        tool_call("spawn_agent", "multi_agent_v1", message="Work.", agent_type="nonesuch"),
    )
    yield _scenario("unknown agent by plain tools", *map(raw, unknown), DONE, catalogue=False)


def _of_agent(tool: str, field: str, **more: object) -> Callable[[Request], Outcome]:
    """Return a step that calls a plain tool on the agent that was spawned."""

    def step(request: Request) -> Outcome:
        agent = _agent_of(request)
        given = {field: [agent] if field == "targets" else agent, **more}
        # Two calls may be the same, and their ids may not be.
        turn = len(request.body["input"])
        return raw({**tool_call(tool, "multi_agent_v1", **given), "id": f"item_{turn}"})

    return step


def _agent_of(request: Request) -> str:
    outputs = "".join(text_of(item["output"]) for item in request.body["input"] if "output" in item)
    found = re.search(r'"agent_id":"([0-9a-f-]+)"', outputs)
    assert found is not None, outputs
    return found[1]


def _scenario(
    name: str,
    *script: RootStep,
    catalogue: bool = True,
    child_s: float = 0.5,
    then: tuple[Step, ...] = (),
) -> Scenario:
    """Return a scenario of one call whose model may have sub-agents.

    Args:
        name: Its name.
        script: What the model says to the root.
        catalogue: As in `Scenario`.
        child_s: How long a sub-agent works, in seconds: the root is to wait for it by then.
        then: What the client does after the call.
    """

    def model(_gate: Gate) -> Iterable[ModelStep]:
        return [_for_whom(iter(script), child_s)] * _REQUESTS

    steps = (*HELLO, codex(1, **FREE), Response(1), *then)
    return Scenario(name, model, steps, catalogue=catalogue)


def _for_whom(script: Iterator[RootStep], child_s: float) -> Callable[[Request], Outcome]:
    def step(request: Request) -> Outcome:
        said = (text_of(item.get("content")) for item in request.body["input"])
        if PROMPT not in said:
            return Delay(child_s, Text("The work is done."))
        then = next(script)
        return then(request) if callable(then) else then

    return step
