"""The plan of a seed: clients, their calls, and faults. Pure; one seed always gives one plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.campaign.tasks import Task, random_task

PHASES = ("claimed", "thread", "sent", "turn", "asked", "child", "grandchild", "ended", "audited")
"""Moments of an attempt and of its tree, in their order."""

IDLE_S = 4
"""Bound on the silence of a tree, in seconds, where there is one."""

DRAIN_S = 5
"""Bound on the calls of a client that has left, in seconds."""

FAULTS = {
    "kill supervisor": 4,
    "kill app-server": 4,
    "kill client": 2,
    "term supervisor": 2,
    "term app-server": 3,
    "term client": 1,
    "interrupt": 6,
    "cancel": 3,
    "full home": 2,
    "unlink socket": 1,
    "remove runtime": 1,
}
"""Faults and their weights."""


@dataclass(frozen=True, slots=True)
class Work:
    """A call that starts work.

    Attributes:
        tool: A tool, or `cli` for `codexmcp runs start`.
        client: Index of the client.
        task: The model's task.
        at_s: Seconds after the start of the seed.
        origin: The work that is resumed or forked.
        timeout_ms: Bound on the run.
        retries: Bound on the number of continuations.
        key: Whether it has an idempotency key; then another client repeats the call.
        waits: Whether the call waits for the end.
        as_task: Whether the client takes an MCP task as the answer, and polls it to its end.
    """

    tool: str
    client: int
    task: Task
    at_s: float
    origin: Task | None = None
    timeout_ms: int = 8000
    retries: int = 0
    key: bool = False
    waits: bool = False
    as_task: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a phase of a run, or at a time.

    Attributes:
        kind: One of `FAULTS`.
        task: The run.
        phase: One of `PHASES`; None for the time alone.
        at_s: Seconds after the start of the seed; a phase is waited for 3 s longer at most.
        client: Index of the client that is hit.
    """

    kind: str
    task: Task
    phase: str | None
    at_s: float
    client: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a seed.

    Attributes:
        seed: The seed.
        clients: For each client, whether the shared supervisor serves it.
        works: The calls.
        faults: The faults.
        proxy: Whether the model is reached with a key, through Codex's key proxy.
        bounds: Flags of the clients' servers.
    """

    seed: int
    clients: tuple[bool, ...]
    works: tuple[Work, ...]
    faults: tuple[Fault, ...]
    proxy: bool
    bounds: tuple[str, ...]

    @property
    def closing(self) -> tuple[Task, Task]:
        """Tasks for conversations that are continued at the end."""
        count = len(self.works)
        return Task(f"s{self.seed}r{count}"), Task(f"s{self.seed}r{count + 1}")

    def tasks(self) -> Iterator[Task]:
        """Yield all tasks."""
        yield from (each.task for each in self.works)
        yield from self.closing


def plan_of(seed: int) -> Plan:
    """Return the plan of a seed."""
    rng = random.Random(seed)  # noqa: S311 - the same plan each time is the point
    clients = (True, *(rng.random() < 0.6 for _ in range(rng.randint(0, 2))))
    works = list[Work]()
    for index in range(rng.randint(3, 8)):
        works.append(_work(rng, random_task(rng, f"s{seed}r{index}"), clients, works))
    works = _as_tasks(seed, works, clients)
    bounds = ["--timeout", str(rng.randint(4, 9)), "--drain-timeout", str(DRAIN_S)]
    return Plan(
        seed,
        clients,
        tuple(works),
        tuple(_fault(rng, works, len(clients)) for _ in range(rng.randint(1, 4))),
        proxy=rng.random() < 0.5,
        bounds=(*bounds, *rng.choice((("--idle-timeout", str(IDLE_S)), ()))),
    )


def _as_tasks(seed: int, works: list[Work], clients: tuple[bool, ...]) -> list[Work]:
    """Return the calls, of which clients of the supervisor make some as tasks."""
    # Its own numbers, so that the rest of a seed's plan stays what it was without tasks.
    rng = random.Random(f"tasks of {seed}")  # noqa: S311 - as above
    return [
        replace(each, as_task=clients[each.client] and each.tool != "cli" and rng.random() < 0.4)
        for each in works
    ]


def _work(rng: random.Random, task: Task, clients: tuple[bool, ...], before: list[Work]) -> Work:
    client, at_s = rng.randrange(len(clients)), rng.uniform(0, 4)
    if not clients[client]:
        return Work("codex", client, task, at_s)
    origins = [each.task for each in before if each.tool != "codex"]
    tools = ["codex_run"] * 6 + ["codex", "cli"] + ["codex_resume", "codex_fork"] * bool(origins)
    tool = rng.choice(tools)
    return Work(
        tool,
        client,
        task,
        at_s,
        origin=rng.choice(origins) if tool in {"codex_resume", "codex_fork"} else None,
        timeout_ms=rng.choice((2000, 6000, 10_000, 14_000)),
        retries=rng.randint(0, 2) if tool == "codex_run" else 0,
        key=tool == "codex_run" and rng.random() < 0.3,
        waits=rng.random() < 0.3,
    )


def _fault(rng: random.Random, works: list[Work], clients: int) -> Fault:
    kind = rng.choices([*FAULTS], [*FAULTS.values()])[0]
    phase = rng.choice(PHASES) if rng.random() < 0.7 else None
    runs = [each for each in works if kind != "interrupt" or each.tool != "codex"] or works
    return Fault(kind, rng.choice(runs).task, phase, rng.uniform(0.5, 6), rng.randrange(clients))
