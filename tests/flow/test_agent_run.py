"""What is said about an error that breaks an agent's run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from agents import Agent, Runner

from codexmcp.agents.agent_run import run_agent
from codexmcp.agents.progress import AgentProgress
from codexmcp.agents.workplace import Workplace
from codexmcp.errors import WorkError

ARGUMENTS = SimpleNamespace(prompt="x", max_turns=1, agent_model="m")
PLAN = SimpleNamespace(arguments=ARGUMENTS, agent_key="k" * 20)
WORKPLACE = cast("Workplace", SimpleNamespace(plan=PLAN, agent_base_url="http://127.0.0.1:1/v1"))


def broken(_step: AgentProgress) -> None:
    raise TypeError("a broken display")


async def test_an_answer_that_cannot_be_read_is_the_endpoints_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*_args: object, **_options: object) -> None:
        raise TypeError("'NoneType' object is not iterable")

    monkeypatch.setattr(Runner, "run", run)
    with pytest.raises(WorkError, match="does it speak the Responses API"):
        await run_agent(Agent[None]("a"), WORKPLACE, broken)


async def test_an_error_of_our_own_hooks_is_not_the_endpoints_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run(*_args: object, hooks: Any, **_options: object) -> None:
        await hooks.on_llm_start(None, None, None, [])

    monkeypatch.setattr(Runner, "run", run)
    with pytest.raises(TypeError, match="a broken display"):
        await run_agent(Agent[None]("a"), WORKPLACE, broken)
