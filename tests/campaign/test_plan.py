"""Plans are repeatable, and together they cover all that a campaign has to try."""

from __future__ import annotations

from tests.campaign.plan import FAULTS, PHASES, plan_of
from tests.campaign.tasks import MAX_AGENTS, MAX_DEPTH, Command, Goal, Spawn, Think, Wait

PLANS = [plan_of(seed) for seed in range(400)]


def test_a_seed_gives_the_same_plan_each_time() -> None:
    assert plan_of(17) == PLANS[17]


def test_tokens_are_unique() -> None:
    tokens = [agent.token for plan in PLANS for task in plan.tasks() for agent in task.tree()]
    assert len(tokens) == len(set(tokens))


def test_trees_reach_their_bounds_and_stay_within() -> None:
    trees = [[*work.task.tree()] for plan in PLANS for work in plan.works]
    assert max(len(tree) for tree in trees) == MAX_AGENTS
    assert max(agent.token.count(".") for tree in trees for agent in tree) == MAX_DEPTH


def test_every_fault_phase_tool_and_step_is_planned() -> None:
    faults = [fault for plan in PLANS for fault in plan.faults]
    works = [work for plan in PLANS for work in plan.works]
    assert {fault.kind for fault in faults} == {*FAULTS}
    assert {fault.phase for fault in faults} == {*PHASES, None}
    assert {w.tool for w in works} == {"codex", "codex_run", "codex_resume", "codex_fork", "cli"}
    assert {w.tool for w in works if w.as_task} == {
        "codex",
        "codex_run",
        "codex_resume",
        "codex_fork",
    }
    assert all(plan.clients[w.client] for plan in PLANS for w in plan.works if w.as_task)
    steps = {type(step) for work in works for agent in work.task.tree() for step in agent.steps}
    assert steps == {Command, Spawn, Wait, Think, Goal}
