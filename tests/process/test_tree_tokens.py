"""Tokens of a tree of threads: the live ledger and `codexmcp usage`, on real builds of Codex."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import parse_event
from codexmcp.appserver.launch import LaunchOptions
from codexmcp.appserver.requests import ThreadOptions, text_input
from codexmcp.appserver.tokens import TokenLedger
from codexmcp.codex.turns import Turn, TurnResult, run_turn
from codexmcp.jsonrpc.messages import Notification
from codexmcp.testing import (
    CustomToolCall,
    Failed,
    FunctionCall,
    Message,
    Outcome,
    Reply,
    ScriptedModel,
    Usage,
)
from tests.support.builds import ORACLE_VERSION, codex_build, pinned_codex
from tests.support.commands import codexmcp
from tests.support.real_app_server import LIMITS, Listener, launch_options

BUILDS: dict[str, tuple[Callable[[], Path], str]] = {
    "bundled": (pinned_codex, "gpt-6.1-sol"),
    "oldest": (lambda: codex_build(ORACLE_VERSION), "gpt-6-astra"),
}
"""Each build with a model of its own catalogue: only such a model is given sub-agents."""

RESPONSE = Usage(100, 10)


class Model(ScriptedModel):
    """Plays the part that the last prompt names.

    Attributes:
        answered: How many requests were answered; each costs `RESPONSE`.
    """

    def __init__(self) -> None:
        super().__init__([self.step] * 100)
        self.answered = 0

    def step(self, request: Any) -> Outcome:
        outcome = play(request.body)
        self.answered += isinstance(outcome, Reply)
        return outcome


def play(body: Any) -> Outcome:
    items = body["input"]
    parts = [
        (at, part)
        for at, item in enumerate(items)
        if item.get("role") == "user" or item.get("type") == "agent_message"
        for part in re.findall(r"PART:(\w+)", json.dumps(item))
    ]
    at, part = parts[-1] if parts else (0, "")
    outputs = [each for each in items[at + 1 :] if str(each.get("type")).endswith("_output")]
    match part, len(outputs):
        case "parent", 0:
            child = {"task_name": "child", "message": "PART:child", "fork_turns": "none"}
            return call("spawn_agent", child)
        case "parent", waits if waits < 5 and "CHILD_DONE" not in json.dumps(items):
            return call("wait_agent", {"timeout_ms": 10_000})
        case "child", 0:
            command = "text(JSON.stringify(await tools.exec_command({cmd: 'exit 7'})));"
            return Reply((CustomToolCall("exec", command),), RESPONSE)
        case "child", _:
            return Reply((Message("CHILD_DONE"),), RESPONSE)
        case "limit", _:
            return Failed("rate_limit_exceeded", "Please try again in 0.1s.")
        case "overflow", _:
            return Failed("context_length_exceeded", "Your input exceeds the context window.")
        case _:
            return Reply((Message("said"),), RESPONSE)


def call(name: str, arguments: dict[str, Any]) -> Reply:
    return Reply((FunctionCall(name, arguments, namespace="collaboration"),), RESPONSE)


class Overheard(AppServer):
    """An app-server whose events of all threads are counted."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.ledger = TokenLedger()

    def on_notification(self, notification: Notification) -> None:
        event = parse_event(notification.method, notification.params)
        self.ledger.note(event.thread_id, event)
        super().on_notification(notification)


@asynccontextmanager
async def overheard(options: LaunchOptions) -> AsyncIterator[Overheard]:
    async with Overheard.launch(options) as server:
        assert isinstance(server, Overheard)
        yield server


async def ask(server: AppServer, thread: str, part: str) -> TurnResult:
    turn = Turn([text_input(f"PART:{part}")], limits=LIMITS)
    return await run_turn(server, thread, turn)


@pytest.mark.parametrize("build", BUILDS)
async def test_every_response_of_a_tree_is_counted_once_live_and_by_usage(
    codex_home: Path, tmp_path: Path, build: str
) -> None:
    codex, name = BUILDS[build]
    options = ThreadOptions(
        model=name, cwd=str(tmp_path), sandbox="danger-full-access", approval_policy="never"
    )
    spent = 0
    async with Model() as model:
        launch = launch_options(codex_home, model.base_url, codex=codex())
        async with overheard(launch) as server:
            thread = (await server.start_thread(options)).id
            assert (await ask(server, thread, "parent")).message == "said"
            after_children = model.answered
            assert after_children >= 5
            await ask(server, thread, "limit")
            heard = Listener()
            with server.listen(thread, heard):
                await server.call("thread/compact/start", {"threadId": thread})
                await heard.wait_for("turn/completed")
            await ask(server, thread, "plain")
            await ask(server, thread, "overflow")
            await ask(server, thread, "plain")
            spent += server.ledger.usage.total_tokens
            assert spent == 110 * model.answered
        async with overheard(launch) as server:
            await server.resume_thread(thread, options)
            await ask(server, thread, "limit")
            assert server.ledger.usage.total_tokens == 0
            fork = (await server.fork_thread(thread, options)).id
            assert (await ask(server, fork, "parent")).error is None
            spent += server.ledger.usage.total_tokens
    assert model.answered >= after_children + 3 + 5
    assert spent == 110 * model.answered
    ran = await codexmcp(codex_home, "usage", "--json")
    assert (ran.json["total"]["requests"], ran.json["total"]["totalTokens"]) == (
        model.answered,
        spent,
    )
