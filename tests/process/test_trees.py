"""Whole trees on real builds of Codex: what is started, waited for, asked and stopped with them."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.codex.turns import Turn, run_turn
from codexmcp.testing import (
    Calls,
    CreateGoal,
    Message,
    Reply,
    ShellCall,
    Spawn,
    Text,
    Usage,
    WaitForAgents,
)
from tests.conformance.client import Client
from tests.support.builds import NPM_VERSION, ORACLE_VERSION, codex_build, pinned_codex
from tests.support.mcp_server import (
    call,
    environment,
    mcp_server,
    result_of,
    start_call,
    text_of,
    thread_of,
    write_config,
)
from tests.support.processes import until
from tests.support.prompt_model import PromptModel
from tests.support.real_app_server import launch_options
from tests.support.supervision import Station, kill

WATCHED_S = 3.0
"""How long a stopped tree is watched for anything that goes on."""

TICKS = "for i in $(seq 60); do echo tick >> ticks.txt; sleep 0.2; done"
WORKSPACE = {"sandbox": "workspace-write", "approval_policy": "never"}


@pytest.fixture(params=[ORACLE_VERSION, "pinned", NPM_VERSION])
def codex(request: pytest.FixtureRequest) -> Path:
    """Each supported end of the range of builds, and the pinned one."""
    return pinned_codex() if request.param == "pinned" else codex_build(request.param)


@pytest.fixture
async def scripted() -> AsyncIterator[PromptModel]:
    async with PromptModel() as model:
        yield model


class Grown:
    """A tree of three generations, of which the youngest writes ticks."""

    def __init__(self, model: PromptModel, project: Path) -> None:
        self._model = model
        self._ticks = project / "ticks.txt"
        model.on("root", Spawn("middle", "middle"), WaitForAgents(600_000))
        model.on("middle", Spawn("leaf", "leaf"), WaitForAgents(600_000))
        model.on("leaf", ShellCall(TICKS, {"yield_time_ms": 30_000}))

    @property
    def ticks(self) -> int:
        return self._ticks.read_text().count("tick") if self._ticks.exists() else 0

    async def at_work(self) -> None:
        await until(lambda: self.ticks > 1, "the grandchild works")

    async def is_still(self) -> None:
        """Fail if a request arrives or a command runs on."""
        before = (self.ticks, self._model.request_count)
        await asyncio.sleep(WATCHED_S)
        assert (self.ticks, self._model.request_count) == before


async def test_a_cancelled_call_stops_every_generation(
    scripted: PromptModel, codex_home: Path, tmp_path: Path, codex: Path
) -> None:
    write_config(codex_home, scripted.base_url)
    tree = Grown(scripted, tmp_path)
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        await start_call(client, 1, prompt="root", **WORKSPACE)
        await tree.at_work()
        await client.send({"method": "notifications/cancelled", "params": {"requestId": 1}})
        answer = await call(client, 2, prompt="after")
        assert text_of(answer) == "done: after"
        # A cancelled call has no answer that would tell that its tree has stopped.
        await asyncio.sleep(1)
        await tree.is_still()


async def test_a_bound_that_is_reached_stops_every_generation(
    scripted: PromptModel, codex_home: Path, tmp_path: Path
) -> None:
    write_config(codex_home, scripted.base_url)
    tree = Grown(scripted, tmp_path)
    async with mcp_server(codex_home, tmp_path, "--timeout", "6") as client:
        await start_call(client, 1, prompt="root", **WORKSPACE)
        await tree.at_work()
        assert "was interrupted" in text_of(await result_of(client, 1))
        await tree.is_still()


async def test_goals_are_off_for_calls_whatever_their_settings_say(
    scripted: PromptModel, codex_home: Path, tmp_path: Path, codex: Path
) -> None:
    write_config(codex_home, scripted.base_url, "[features]", "goals = true")
    scripted.on("aim", CreateGoal("work on"), Text("no goal"))
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        config = {"features": {"goals": True}, "features.goals": True}
        assert text_of(await call(client, 1, prompt="aim", config=config)) == "no goal"
        before = scripted.request_count
        await asyncio.sleep(WATCHED_S)
        assert scripted.request_count == before


async def test_a_goal_that_a_thread_brings_along_is_cleared_and_told(
    scripted: PromptModel, codex_home: Path, tmp_path: Path, codex: Path
) -> None:
    write_config(codex_home, scripted.base_url)
    async with AppServer.launch(launch_options(codex_home, codex=codex)) as server:
        thread = await server.start_thread(ThreadOptions())
        assert (await run_turn(server, thread.id, Turn([text_input("first")]))).message
        # Its first turn for the goal never gets an answer.
        scripted.hold("")
        await server.call("thread/goal/set", {"threadId": thread.id, "objective": "go on"})
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        answer = await call(client, 1, "codex-reply", threadId=thread.id, prompt="next")
        assert text_of(answer) == "done: next"
        assert "a goal on this thread was cleared" in answer["content"][1]["text"]
        before = scripted.request_count
        await asyncio.sleep(WATCHED_S)
        assert scripted.request_count == before


async def test_a_background_command_and_a_child_live_on_after_the_answer(
    scripted: PromptModel, codex_home: Path, tmp_path: Path, codex: Path
) -> None:
    write_config(codex_home, scripted.base_url)
    scripted.on("root", Spawn("child", "child"), Text("not waited for"))
    scripted.on("child", ShellCall("sleep 1; echo from-child > child.txt"), Text("child is done"))
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, tmp_path, env=env) as client:
        first = await call(client, 1, prompt="root", **WORKSPACE)
        assert text_of(first) == "not waited for"
        second = await call(client, 2, "codex-reply", threadId=thread_of(first), prompt="next")
        assert text_of(second) == "done: next"
        await until((tmp_path / "child.txt").exists, "the child has ended its work")


async def asked(client: Client) -> dict[str, Any]:
    message = await client.wait_for(
        lambda message: message.get("method") == "elicitation/create", "a question"
    )
    return dict(message)


async def test_the_question_of_a_sub_agent_reaches_the_client(
    scripted: PromptModel, codex_home: Path, tmp_path: Path, codex: Path
) -> None:
    write_config(codex_home, scripted.base_url)
    project = tmp_path / "project"
    project.mkdir()
    escalated = {"sandbox_permissions": "require_escalated", "justification": "may I?"}
    scripted.on("root", Spawn("child", "child"), WaitForAgents(60_000), Text("answered"))
    scripted.on("child", ShellCall("touch ../asked.txt", escalated), Text("child is done"))
    env = environment(codex_home, CODEX_BIN=str(codex))
    async with mcp_server(codex_home, project, env=env) as client:
        await start_call(
            client, 1, prompt="root", sandbox="workspace-write", approval_policy="on-request"
        )
        question = await asked(client)
        assert "[sub-agent /root/child]" in question["params"]["message"]
        await client.send({"id": question["id"], "result": {"decision": "approved"}})
        assert text_of(await result_of(client, 1)) == "answered"
    assert (tmp_path / "asked.txt").exists()


async def test_a_run_is_over_when_its_tree_is(here: Station, codex: Path) -> None:
    here.env["CODEX_BIN"] = str(codex)
    here.model.on("root", Spawn("child", "child"), Text("the answer"))
    release = here.model.hold("child")
    async with here.client() as client:
        run_id = await client.run("root")
        await here.model.wait_until_asked("child")
        await client.until_step(run_id, "says: the answer")
        assert (await client.look(run_id))["status"] == "still_running"
        release.set()
        told = await client.wait(run_id)
    assert (told["status"], told["message"]) == ("completed", "the answer")


async def test_a_run_may_stop_its_children_at_its_end(here: Station) -> None:
    here.model.on("root", Spawn("child", "child"), Text("the answer"))
    here.model.on("child", ShellCall(TICKS, {"yield_time_ms": 30_000}))
    async with here.client() as client:
        told = await client.wait(await client.run("root", on_children="stop"))
        assert (told["status"], told["message"]) == ("completed", "the answer")
        before = here.model.request_count
        await asyncio.sleep(WATCHED_S)
        assert here.model.request_count == before


async def test_an_interrupted_run_stops_every_generation(here: Station, codex: Path) -> None:
    here.env["CODEX_BIN"] = str(codex)
    tree = Grown(here.model, here.project)
    async with here.client() as client:
        run_id = await client.run("root")
        await tree.at_work()
        await client.tool("codex_interrupt", run_id=run_id)
        assert (await client.look(run_id))["status"] == "interrupted"
        await tree.is_still()


async def test_a_run_with_a_goal_ends_with_its_budget(here: Station, codex: Path) -> None:
    here.env["CODEX_BIN"] = str(codex)
    spent = Usage(100, 10)
    here.model.on("aim", Calls((CreateGoal("aim"),), spent))
    for prompt in ("aim", ""):
        here.model.on(prompt, *[Reply((Message("more to do"),), spent)] * 40)
    async with here.client() as client:
        told = await client.wait(await client.run("aim", goal=True, goal_token_budget=600))
        assert told["status"] == "completed"
        before = here.model.request_count
        await asyncio.sleep(WATCHED_S)
        assert here.model.request_count == before
    assert told["progress"]["totalTokens"] < 2000


async def test_work_that_an_ending_codex_refuses_is_done_by_the_next(
    here: Station, codex: Path
) -> None:
    here.env["CODEX_BIN"] = str(codex)
    release = here.model.hold("long")
    async with here.client() as client:
        long = await client.run("long")
        await here.model.wait_until_asked("long")
        kill((await client.status())["codexPid"], signal.SIGTERM)
        # A turn that is just taken when the signal arrives is cut off, and continued; 0.153.4 cuts
        # it off before it has recorded the prompt, and then it is lost and not sent again.
        late = await client.run("late", retries=1)
        release.set()
        assert (await client.wait(long))["status"] in {"completed", "lost"}
        told = await client.wait(late)
    is_oldest = codex != pinned_codex() and codex == codex_build(ORACLE_VERSION)
    assert told["status"] in ({"completed", "lost"} if is_oldest else {"completed"})
    assert here.model.asked("late") <= 1
