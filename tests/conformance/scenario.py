"""What a scenario is, and the words to write one with: the model's, the client's and whole ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from codexmcp.rehearsal.encoding import encode_event
from codexmcp.testing import FunctionCall, Nonsense, Outcome, Reply, Request
from codexmcp.testing import Step as ModelStep
from tests.conformance.steps import Response, Step, codex, initialize, notify

ANSWERS = frozenset({"answers"})
EVENTS = frozenset({"answers", "events", "unsent", "rest"})
REQUESTS = frozenset({"answers", "requests"})
ASKED = EVENTS | {"asked", "files"}

# The two ways of calling without questions: anything is allowed, or what the sandbox allows.
FREE: Mapping[str, Any] = {"sandbox": "danger-full-access", "approval_policy": "never"}
BOXED: Mapping[str, Any] = {"sandbox": "workspace-write", "approval_policy": "never"}

Gate = asyncio.Event
Model = Callable[[Gate], Iterable[ModelStep]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One conversation.

    Attributes:
        name: What it is about.
        model: Makes the model's script; the gate opens when the client plays `Release`.
        steps: What the client does.
        compare: The parts of the document that count.
        config: Added to config.toml; `<project>` stands for the server's working directory, and
            `<home>` for the Codex home.
        files: Files of the project, by name.
        options: Options of ours; the removed server had none of them.
        strict: Whether it is played with `--strict-compat` as well.
        catalogue: Whether the build's own default model is asked, which gets code mode.
    """

    name: str
    model: Model
    steps: tuple[Step, ...]
    compare: frozenset[str] = EVENTS
    config: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    strict: bool = False
    catalogue: bool = False


HELLO: tuple[Step, ...] = (initialize(), Response(0), notify("notifications/initialized"))


def says(*script: ModelStep) -> Model:
    """Return a model that follows a script and holds nothing back."""
    return lambda _gate: script


def held(gate: Gate, then: Outcome) -> ModelStep:
    """Return a step that waits for `Release`."""

    async def answer(_request: Request) -> Outcome:
        await gate.wait()
        return then

    return answer


def shell(command: str, call_id: str = "call_1", **arguments: object) -> Reply:
    """Return the model's call of `exec_command`."""
    given = {"cmd": command, "yield_time_ms": 10_000, **arguments}
    return Reply((FunctionCall("exec_command", given, call_id),))


def patch(text: str, call_id: str = "call_1") -> Reply:
    """Return the model's call of `apply_patch`."""
    envelope = f"*** Begin Patch\n{text}\n*** End Patch"
    return shell(f"apply_patch <<'EOF'\n{envelope}\nEOF\n", call_id)


def streamed(*events: Mapping[str, object]) -> Nonsense:
    """Return an answer of raw events, for what the test kit has no words for."""
    return Nonsense(b"".join(map(encode_event, events)), as_events=True)


def asking(name: str, *ask: Step, compare: frozenset[str] = ANSWERS) -> Scenario:
    """Return a scenario without a model."""
    return Scenario(name, says(), ask, compare)


def one_call(
    name: str,
    *script: ModelStep,
    compare: frozenset[str] = EVENTS,
    config_toml: str = "",
    files: Mapping[str, str] | None = None,
    catalogue: bool = False,
    **arguments: Any,
) -> Scenario:
    """Return a scenario of one `codex` call."""
    steps = (*HELLO, codex(1, **arguments), Response(1))
    model = says(*script)
    return Scenario(name, model, steps, compare, config_toml, files or {}, catalogue=catalogue)
