"""Tool calls that the real Codex has no events of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.events import CommandExecution, ItemCompleted, ItemStarted
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.thread_options import without_log_variables
from codexmcp.testing import (
    CustomToolCall,
    FunctionCall,
    Outcome,
    Reply,
    ScriptedModel,
    Surface,
    Text,
)
from tests.support.builds import codex_build, pinned_codex
from tests.support.model_steps import UNKNOWN_MODEL
from tests.support.real_app_server import Conversation, launch_options

OLDEST = "0.153.4"
CATALOGUE_MODELS = {OLDEST: "gpt-6-astra", "bundled": "gpt-6.1-sol"}
TIMES = 10
_LOOP = "for (let i = 0; i < %d; i++) { await tools.exec_command({cmd: `%s`}); }"


async def heard(codex_home: Path, build: str, model: ScriptedModel, name: str) -> Conversation:
    codex = codex_build(OLDEST) if build == OLDEST else pinned_codex()
    project = codex_home / "project"
    project.mkdir()
    launch = replace(launch_options(codex_home, model.base_url, codex=codex), cwd=project)
    options = ThreadOptions(
        model=name,
        cwd=str(project),
        sandbox="workspace-write",
        approval_policy="never",
        config=without_log_variables({}, {}),
    )
    model.surface = Surface.PLAIN if name == UNKNOWN_MODEL else Surface.CODE_MODE
    async with AppServer.launch(launch) as server:
        talk = Conversation(server, (await server.start_thread(options)).id)
        result = await talk.say("go")
        assert result.message == "done"
        return talk


def commands(talk: Conversation) -> list[CommandExecution]:
    items = [event.item for event in talk.heard.events if isinstance(event, ItemCompleted)]
    return [item for item in items if isinstance(item, CommandExecution)]


@pytest.mark.parametrize("build", [OLDEST, "bundled"])
@pytest.mark.parametrize("surface", ["plain", "code mode"])
async def test_each_command_that_the_sandbox_denies_at_once_begins_and_fails(
    codex_home: Path, model: ScriptedModel, build: str, surface: str
) -> None:
    line = "echo x > ../denied.txt"
    steps: list[Outcome] = [
        Reply((FunctionCall("exec_command", {"cmd": line}, f"call_{n}"),)) for n in range(TIMES)
    ]
    if surface == "code mode":
        steps = [Reply((CustomToolCall("exec", _LOOP % (TIMES, line), "call_1"),))]
    model.add(*steps, Text("done"))
    name = CATALOGUE_MODELS[build] if surface == "code mode" else UNKNOWN_MODEL
    talk = await heard(codex_home, build, model, name)
    ended = commands(talk)
    assert [(each.failed, each.exit_code) for each in ended] == [(True, 1)] * TIMES
    # With and without a login shell, as its snapshot is ready or not.
    assert all(each.command.endswith(f"c '{line}'") for each in ended)
    begun = [e.item for e in talk.heard.events if type(e) is ItemStarted]
    begun_ids = [item.id for item in begun if isinstance(item, CommandExecution)]
    assert sorted(begun_ids) == sorted(each.id for each in ended)
    assert not (codex_home / "denied.txt").exists()


async def test_a_failed_patch_and_a_script_that_throws_are_told(
    codex_home: Path, model: ScriptedModel
) -> None:
    patch = "*** Begin Patch\n*** Update File: no.txt\n@@\n-a\n+b\n*** End Patch\n"
    model.add(
        Reply((CustomToolCall("exec", f"await tools.apply_patch({json.dumps(patch)})", "call_1"),)),
        Reply((CustomToolCall("exec", "throw new Error('no')", "call_2"),)),
        Text("done"),
    )
    talk = await heard(codex_home, "bundled", model, CATALOGUE_MODELS["bundled"])
    items = [event.item for event in talk.heard.events if isinstance(event, ItemCompleted)]
    told = [(each.type, each.raw.get("status")) for each in items if "status" in each.raw]
    assert told == [("fileChange", "failed"), ("commandExecution", "failed")]


async def test_commands_do_not_see_what_tells_codex_to_log(
    codex_home: Path, model: ScriptedModel
) -> None:
    model.add(Reply((FunctionCall("exec_command", {"cmd": "env"}, "call_1"),)), Text("done"))
    talk = await heard(codex_home, "bundled", model, UNKNOWN_MODEL)
    (command,) = commands(talk)
    assert "PATH=" in command.output
    assert not any(name in command.output for name in ("RUST_LOG", "LOG_FORMAT"))
