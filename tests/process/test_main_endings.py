"""Signals, deaths and the bound on time: a run ends at once, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from codexmcp.testing import Role, ScriptedModel, ShellCall, Stall, Step, Text
from tests.support.programs import BOUND_S, Project, RunningProgram

LEFT_BEHIND_S = 10.0
"""How long its children may still be there after a program's end, on a machine with other work."""

ENDED_S = 30.0
"""Bound on a program's own end, which takes 0.4 s and several on a machine with other work."""

Moment = Callable[[Project, ScriptedModel, RunningProgram], Awaitable[object]]


async def _starting(project: Project, model: ScriptedModel, program: RunningProgram) -> None:
    # The key proxy is the first child.
    await project.wait_for_processes(lambda found: len(found) > 1)


async def _agent_asks(project: Project, model: ScriptedModel, program: RunningProgram) -> None:
    await model.wait_for_requests(1, BOUND_S)


async def _codex_asks(project: Project, model: ScriptedModel, program: RunningProgram) -> None:
    await model.wait_for_requests(2, BOUND_S)


async def _command_runs(project: Project, model: ScriptedModel, program: RunningProgram) -> None:
    await project.wait_for_processes(_has("sleep 300"))


async def _command_is_bound(project: Project) -> None:
    """Wait until the life of Codex's command hangs on Codex's own, which takes a moment longer."""
    await project.wait_for_processes(lambda _: (project.output / "ready").exists())


def _has(command: str) -> Callable[[dict[int, str]], bool]:
    return lambda found: any(command in each for each in found.values())


def _script(moment: Moment) -> ScriptedModel:
    agent: list[Step] | None = [Stall()] if moment is _agent_asks else None
    sleeps: list[Step] = [ShellCall("touch ready; sleep 300; true"), Text("done")]
    codex = sleeps if moment is _command_runs else [Stall()]
    return ScriptedModel(codex, agent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [_starting, _agent_asks, _codex_asks, _command_runs])
async def test_a_signal_ends_everything(
    project: Project, program: str, moment: Moment, number: signal.Signals
) -> None:
    async with _script(moment) as model:
        project.reach(model.base_url)
        async with project.start(program, "go") as running:
            await moment(project, model, running)
            running.signal(number)
            ran = await running.ended(ENDED_S)
            assert await project.emptied(LEFT_BEHIND_S) == {}
    assert ran.code == 130
    assert ran.error == f"error: interrupted by {number.name}; --resume continues"
    assert "Traceback" not in ran.err
    assert ("--resume" in ran.out) == (moment in {_codex_asks, _command_runs})


async def test_a_second_signal_does_not_wait(project: Project, program: str) -> None:
    async with _script(_command_runs) as model:
        project.reach(model.base_url)
        async with project.start(program, "go") as running:
            await _command_is_bound(project)
            running.signal(signal.SIGINT)
            running.signal(signal.SIGTERM)
            ran = await running.ended(ENDED_S)
            assert await project.emptied(LEFT_BEHIND_S) == {}
    assert ran.code == 130
    assert "Traceback" not in ran.err


async def test_a_killed_program_takes_its_children_along(project: Project, program: str) -> None:
    async with _script(_command_runs) as model:
        project.reach(model.base_url)
        async with project.start(program, "go") as running:
            await _command_is_bound(project)
            running.signal(signal.SIGKILL)
            assert await project.emptied(LEFT_BEHIND_S) == {}


async def test_the_bound_on_time_ends_everything(project: Project, program: str) -> None:
    async with _script(_command_runs) as model:
        project.reach(model.base_url)
        ran = await project.run(program, "go", "--timeout", "12")
    assert ran.code == 124
    assert ran.error.startswith("error: not done after 12 s; continue with --resume")
    assert "--resume " in ran.out
    assert project.processes() == {}


@pytest.mark.parametrize(
    ("victim", "program", "message"),
    [
        ("codexmcp.codex.forwarder", "main.py", "the key proxy ended: python was ended by SIGKILL"),
        (
            "codexmcp.codex.forwarder",
            "newway.py",
            "the key proxy ended: python was ended by SIGKILL",
        ),
        ("mcp-server", "main.py", "Codex failed: the call of codex broke off"),
        ("app-server", "main.py", "`codex app-server` ended: codex was ended by SIGKILL"),
        ("codex exec", "newway.py", "Codex failed: Codex was ended by SIGKILL"),
    ],
)
async def test_the_death_of_a_part_is_told_at_once(
    project: Project, victim: str, program: str, message: str
) -> None:
    async with ScriptedModel([Stall()]) as model:
        project.reach(model.base_url)
        async with project.start(program, "go") as running:
            await _codex_asks(project, model, running)
            found = project.processes()
            # The first: a process that is just forking shows its parent's command line.
            os.kill(min(pid for pid in found if victim in found[pid]), signal.SIGKILL)
            ran = await running.ended(ENDED_S)
        assert [request.role for request in model.requests][:2] == [Role.AGENT, Role.CODEX]
    assert ran.code == 1
    assert message in ran.error
    assert "Traceback" not in ran.err
    assert await project.emptied(LEFT_BEHIND_S) == {}
