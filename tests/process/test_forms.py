"""Questions with a form: an MCP server inside the real Codex asks, and every door fills it in."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from codexmcp.testing import CustomToolCall, Outcome, Reply, ScriptedModel, Text
from tests.conformance.client import Message
from tests.support.mcp_server import configure, mcp_server, result_of, start_call
from tests.support.mcp_stub import FORM
from tests.support.supervision import RefusedError, RunClient, Station

STUB = Path(__file__).parent.parent / "support" / "mcp_stub.py"
MODEL = "gpt-6.1-sol"
HOW = {"model": MODEL, "approval_policy": "on-request"}


def offer_stub(home: Path) -> None:
    """Give the Codex of a home an MCP server that asks back."""
    words = json.dumps([str(STUB), "asks"])
    with (home / "config.toml").open("a") as file:
        file.write(
            f"\n[mcp_servers.stub]\ncommand = {json.dumps(sys.executable)}\nargs = {words}\n"
            "required = true\n"
        )


def calling(tool: str) -> Outcome:
    script = f"text(JSON.stringify(await tools.mcp__stub__{tool}({{}})))"
    return Reply((CustomToolCall("exec", script, "call_1"),))


async def question_of(client: RunClient, run_id: str) -> dict[str, Any]:
    await client.until_state(run_id, "waiting_for_approval")
    (waiting,) = (await client.tool("codex_approvals", run_id=run_id))["approvals"]
    return dict(waiting)


async def test_a_run_waits_for_a_form_until_an_answer_fits_it(here: Station) -> None:
    offer_stub(here.home)
    here.model.on("ask", calling("ask"), Text("asked"))
    async with here.client() as client:
        run_id = await client.run("ask", **HOW)
        waiting = await question_of(client, run_id)
        assert waiting["question"] == "stub asks: Who?"
        assert waiting["requestedSchema"] == FORM
        given = {"approval_id": waiting["approvalId"], "decision": "accept"}
        for content, fault in (({}, "missing: name"), ({"name": "B"}, "name: 'B' is too short")):
            with pytest.raises(RefusedError, match=fault):
                await client.tool("codex_approve", content=content, **given)
        await client.tool("codex_approve", content={"name": "Bo"}, **given)
        assert (await client.wait(run_id))["message"] == "asked"
    # With what the form has by default.
    for field in (r'name[\\"]+: [\\"]+Bo', r'count[\\"]+: 3'):
        assert re.search(field, here.rollouts())


async def test_a_form_is_shown_and_filled_in_by_the_command_line(here: Station) -> None:
    offer_stub(here.home)
    here.model.on("ask", calling("ask"), Text("asked"))
    here.model.on("link", calling("link"), Text("linked"))
    async with here.client() as client:
        asks, links = await client.run("ask", **HOW), await client.run("link", **HOW)
        await question_of(client, asks)
        assert (await question_of(client, links))["url"] == "https://x/login"
        listed = await here.command("runs", "approvals")
        assert "name: name [string]" in listed.out
        assert "open: https://x/login" in listed.out
        assert "name" in (await here.command("runs", "approve", asks)).err
        await here.command("runs", "approve", asks, "--content", '{"name": "Bo"}')
        await here.command("runs", "approve", links)
        for run_id in (asks, links):
            assert (await client.wait(run_id))["status"] == "completed"


async def test_a_client_fills_in_a_form_and_one_that_does_not_declines(
    codex_home: Path, tmp_path: Path
) -> None:
    steps = [calling("ask"), Text("one"), calling("ask"), Text("two")]
    async with ScriptedModel(steps) as model:
        configure(codex_home, model)
        offer_stub(codex_home)
        async with mcp_server(codex_home, tmp_path) as client:
            seen = set[Any]()

            def is_news(message: Message) -> bool:
                return message.get("method") == "elicitation/create" and message["id"] not in seen

            for number, (content, told) in enumerate(
                (({"name": "Bo"}, "accept"), ({}, "decline")), start=1
            ):
                await start_call(client, number, prompt="x", model=MODEL)
                question = await client.wait_for(is_news, "the question")
                seen.add(question["id"])
                assert question["params"]["requestedSchema"] == FORM
                answer = {"action": "accept", "content": content}
                await client.send({"jsonrpc": "2.0", "id": question["id"], "result": answer})
                assert not (await result_of(client, number)).get("isError")
                assert told in json.dumps(model.requests[-1].body)
