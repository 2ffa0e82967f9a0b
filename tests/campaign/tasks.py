"""Tasks of the scripted model: a tree of agents, each with a list of steps. Pure.

A prompt only names a task (`TASK s7r2`); the model looks the steps up. The first part of a token is
the run, the rest is the path of the agent: `s7r2.a.b` is a grandchild.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

MAX_DEPTH = 3
MAX_AGENTS = 12
HANGS_S = 120.0
"""Longer than any seed, in seconds: such a step ends only when it is stopped."""


@dataclass(frozen=True, slots=True)
class Command:
    """Run a command that writes its name into the ledger file and sleeps."""

    seconds: float
    background: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Spawn:
    """Start a sub-agent."""

    task: Task


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait until a sub-agent reports its end."""


@dataclass(frozen=True, slots=True)
class Think:
    """Delay the next answer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Goal:
    """Try to create a goal, for which Codex starts further turns by itself, or to block it."""

    blocks: bool = False


Step: TypeAlias = Command | Spawn | Wait | Think | Goal


@dataclass(frozen=True, slots=True)
class Task:
    """The steps of one agent, whose final message is `DONE` and the token."""

    token: str
    steps: tuple[Step, ...] = ()

    @property
    def prompt(self) -> str:
        """The prompt that names the task."""
        return f"TASK {self.token} now."

    @property
    def final(self) -> str:
        """The final message."""
        return f"DONE {self.token}"

    @property
    def asks(self) -> bool:
        """Whether a command of the tree needs an approval."""
        steps = (step for task in self.tree() for step in task.steps)
        return any(isinstance(step, Command) and step.asks for step in steps)

    def tree(self) -> Iterator[Task]:
        """Yield the task and those of all its sub-agents."""
        yield self
        for step in self.steps:
            if isinstance(step, Spawn):
                yield from step.task.tree()


def run_of(token: str) -> str:
    """Return the run to which the token of an agent or the name of a command belongs."""
    return token.partition(".")[0]


_SIMPLE = ("plain", "plain", "long", "slow")
_HARD = ("background", "asks", "hangs")
_ROOT = ("plain", "plain", "long", "slow", *["tree"] * 4, *_HARD, "goal")


def random_task(rng: random.Random, token: str) -> Task:
    """Return a random task of a run."""
    shape = rng.choice(_ROOT)
    if shape == "tree":
        return _tree(rng, token, [rng.randint(1, MAX_AGENTS - 1)], 0)
    return Task(token, _steps(rng, shape))


def _steps(rng: random.Random, shape: str) -> tuple[Step, ...]:
    brief = Command(rng.uniform(0, 0.5))
    match shape:
        case "long":
            return (brief, Command(rng.uniform(2, 6)))
        case "slow":
            return (Think(rng.uniform(0.5, 3)), brief, Think(rng.uniform(0.5, 2)))
        case "background":
            return (Command(HANGS_S, background=True), brief)
        case "asks":
            return (Command(0.2, asks=True), brief)
        case "goal":
            return (Goal(), brief, rng.choice((Think(0.3), Goal(blocks=True))))
        case "hangs":
            return (rng.choice((Command(HANGS_S), Think(HANGS_S))),)
        case _:
            return (brief,) * rng.randint(0, 2)


def _tree(rng: random.Random, token: str, left: list[int], depth: int) -> Task:
    """Return a task that spawns; `left` holds how many further agents the tree may have."""
    steps, names = list[Step](), iter("abcdefghijkl")
    for _ in range(rng.randint(1, 4) if depth == 0 else 1):
        count = min(left[0], rng.randint(1, 3 if depth == 0 else 2))
        left[0] -= count
        for _ in range(count):
            steps.append(Spawn(_child(rng, f"{token}.{next(names)}", left, depth + 1)))
        steps += [Wait()] * count
    return Task(token, tuple(steps))


def _child(rng: random.Random, token: str, left: list[int], depth: int) -> Task:
    if depth < MAX_DEPTH and left[0] > 0 and rng.random() < 0.5:
        return _tree(rng, token, left, depth)
    return Task(token, _steps(rng, rng.choice(_SIMPLE if rng.random() < 0.75 else _HARD)))
