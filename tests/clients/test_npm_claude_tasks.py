"""Claude Code on a terminal: a run of Codex is a task in its background.

The model of Claude Code is scripted, and so is the one of Codex; all between is real.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from codexmcp.testing import Text
from tests.clients.claude_terminal import (
    DECLINE,
    QUESTION,
    by_words,
    claude,
    confirm,
    enter,
    settle,
)
from tests.clients.messages_api import KEY, QUIET, Choice, ToolUse, messages_api, results
from tests.clients.script import ASKED_COMMAND, asking
from tests.clients.user import User
from tests.support.http_serving import served
from tests.support.prompt_model import PromptModel

SHARED = {"codex": {"command": "codexmcp", "args": ["mcp-server", "--shared"]}}
RUN: ToolUse = ("mcp__codex__codex_run", {"prompt": "inner", "sandbox": "read-only"})
ASKING_RUN: ToolUse = (RUN[0], {**RUN[1], "approval_policy": "on-request"})


@pytest.fixture
async def model(claude_user: User) -> AsyncIterator[PromptModel]:
    """The model of Codex."""
    async with PromptModel() as model:
        claude_user.reach(model)
        settle(claude_user, SHARED)
        yield model
        await claude_user.run(["codexmcp", "serve", "--stop"])


async def test_a_call_goes_to_the_background_asks_and_wakes_the_model(
    claude_user: User, model: PromptModel
) -> None:
    release = model.hold("inner", asking())
    model.on("inner", Text("inner answer"))
    bodies: list[str] = []
    choose = by_words(
        ("inner answer", "woken by the end"),
        ("do other work", "other work is done"),
        ("moved to the background", "the run has begun"),
        ("delegate it", ASKING_RUN),
    )
    async with claude(claude_user, choose, bodies.append) as screen:
        await enter(screen, "delegate it")
        await screen.shows("the run has begun", "1 MCP task still running")
        await model.wait_until_asked("inner")
        # The call has ended for the model, and the run goes on.
        await enter(screen, "do other work")
        await screen.shows("other work is done", "1 MCP task")
        release.set()
        await screen.shows(QUESTION, ASKED_COMMAND, "Accept")
        assert not (claude_user.folder / "allowed.txt").exists()
        await confirm(screen)
        await screen.shows("(codex/codex_run) completed", "woken by the end")
    assert (claude_user.folder / "allowed.txt").exists()
    assert "task-notification" in bodies[-1]
    (run,) = await runs(claude_user)
    assert run["status"] == "completed"
    assert run["runId"] in bodies[-1]


async def test_a_declined_question_leaves_the_command_out(
    claude_user: User, model: PromptModel
) -> None:
    model.on("inner", asking(), Text("inner answer"))
    choose = by_words(
        ("inner answer", "woken by the end"),
        ("moved to the background", "the run has begun"),
        ("delegate it", ASKING_RUN),
    )
    async with claude(claude_user, choose, lambda _body: None) as screen:
        await enter(screen, "delegate it")
        await screen.shows(QUESTION, ASKED_COMMAND)
        screen.type("\x1b[C")
        await screen.shows(DECLINE)
        await confirm(screen)
        await screen.shows("woken by the end")
    assert not (claude_user.folder / "allowed.txt").exists()


async def test_over_http_a_call_goes_to_the_background_too(claude_user: User) -> None:
    choose = by_words(
        ("done: inner", "woken by the end"),
        ("moved to the background", "the run has begun"),
        ("delegate it", RUN),
    )
    async with served(claude_user.codex_home) as server:
        headers = {"Authorization": f"Bearer {server.token}"}
        settle(claude_user, {"codex": {"type": "http", "url": server.url, "headers": headers}})
        release = server.here.model.hold("inner")
        async with claude(claude_user, choose, lambda _body: None) as screen:
            await enter(screen, "delegate it")
            await screen.shows("the run has begun", "1 MCP task still running")
            release.set()
            await screen.shows("(codex/codex_run) completed", "woken by the end")


async def test_its_model_stops_a_task_and_the_run_is_interrupted(
    claude_user: User, model: PromptModel
) -> None:
    model.hold("inner")

    async with claude(claude_user, stopping(), lambda _body: None) as screen:
        await enter(screen, "delegate it")
        await screen.shows("the run has begun")
        await model.wait_until_asked("inner")
        await enter(screen, "end the work")
        await screen.shows("it is stopped")
        (run,) = await runs(claude_user)
        ended = await claude_user.run(["codexmcp", "runs", "wait", run["runId"]])
    (run,) = await runs(claude_user)
    assert run["status"] == "interrupted", ended


def stopping() -> Choice:
    """Return a model that begins a run, and stops its task when it is told to."""

    def choose(body: Any) -> str | ToolUse:
        found = re.search(r"background as task (\w+)", json.dumps(body["messages"]))
        rules: list[tuple[str, str | ToolUse]] = [
            # The second tool has answered.
            ('"tool_use_id": "toolu_1"', "it is stopped"),
            ("moved to the background", "the run has begun"),
            ("delegate it", RUN),
        ]
        if found is not None:
            rules.insert(1, ("end the work", ("TaskStop", {"task_id": found[1]})))
        return by_words(*rules)(body)

    return choose


async def test_without_a_terminal_the_same_server_answers_the_call(
    claude_user: User, model: PromptModel
) -> None:
    bodies: list[str] = []
    codex: ToolUse = ("mcp__codex__codex", {"prompt": "one"})
    run: ToolUse = (RUN[0], {"prompt": "two", "wait_ms": 30_000})
    handle: ToolUse = (RUN[0], {"prompt": "three"})
    ask = ["claude", "--print", "outer prompt", "--allowedTools", "mcp__codex"]
    with messages_api([codex, run, handle, "outer answer"], bodies.append) as base_url:
        variables = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": base_url}
        ran = (await claude_user.run(ask, **QUIET, **variables)).worked()
    assert ran.out == "outer answer\n"
    assert "done: one" in results(bodies[1])[-1]
    assert "done: two" in results(bodies[2])[-1]
    # A handle for `codex_wait`, as ever.
    assert json.loads(results(bodies[3])[-1])["status"] in {"queued", "starting", "running"}


async def runs(user: User) -> list[dict[str, Any]]:
    """Return all runs."""
    listed = (await user.run(["codexmcp", "runs", "list", "--json"])).worked()
    found: list[dict[str, Any]] = json.loads(listed.out)["runs"]
    return found
