"""The server and its runs in code mode, which users have, and with plain tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.testing import ScriptedModel, ShellCall, Surface, Text
from tests.support.builds import codex_build, pinned_codex
from tests.support.mcp_server import (
    call,
    configure,
    environment,
    event,
    mcp_server,
    result_of,
    start_call,
    text_of,
)
from tests.support.model_steps import UNKNOWN_MODEL, escalated
from tests.support.supervision import Station

OLDEST = "0.153.4"
MODELS = {Surface.CODE_MODE: [], Surface.PLAIN: [f'model = "{UNKNOWN_MODEL}"']}
pytestmark = pytest.mark.parametrize("surface", MODELS)


@pytest.mark.parametrize("build", ["pinned", OLDEST])
@pytest.mark.timeout(240)
async def test_each_build_works_with_the_default_of_its_catalogue(
    codex_home: Path, tmp_path: Path, surface: Surface, build: str
) -> None:
    codex = pinned_codex() if build == "pinned" else codex_build(build)
    async with ScriptedModel(
        [ShellCall("echo hi; exit 3"), Text("done")], surface=surface
    ) as model:
        configure(codex_home, model, *MODELS[surface])
        env = environment(codex_home, CODEX_BIN=str(codex))
        async with mcp_server(codex_home, tmp_path, env=env) as client:
            result = await call(client, 1, prompt="x", sandbox="danger-full-access")
            ended = (await event(client, "exec_command_end"))["msg"]
    assert text_of(result) == "done"
    assert ended["command"][-1] == "echo hi; exit 3"
    assert (ended["exit_code"], ended["aggregated_output"]) == (3, "hi\n")
    assert {request.surface for request in model.requests} == {surface}


async def test_a_question_reaches_the_client_and_its_answer_the_command(
    codex_home: Path, tmp_path: Path, surface: Surface
) -> None:
    async with ScriptedModel([escalated("touch asked"), Text("done")], surface=surface) as model:
        configure(codex_home, model, *MODELS[surface])
        async with mcp_server(codex_home, tmp_path) as client:
            await start_call(client, 1, prompt="x", sandbox="read-only")
            question = await client.wait_for(
                lambda each: each.get("method") == "elicitation/create", "the question"
            )
            assert "touch asked" in question["params"]["message"]
            answer = {"action": "accept", "content": {}, "decision": "approved"}
            await client.send({"jsonrpc": "2.0", "id": question["id"], "result": answer})
            assert text_of(await result_of(client, 1)) == "done"
    assert (tmp_path / "asked").exists()


async def test_a_run_records_how_its_command_ended(here: Station, surface: Surface) -> None:
    named = {"model": UNKNOWN_MODEL} if surface is Surface.PLAIN else {}
    here.model.surface = surface
    here.model.on("work", ShellCall("echo hi; exit 7"))
    async with here.client() as client:
        run_id = await client.run("work", **named)
        told = await client.wait(run_id)
    assert (told["status"], told["reason"]) == ("completed", "the only command failed")
    assert told["message"] == "done: work"
