"""The records of a run on the real Codex: every agent of its tree, moved files, empty answers."""

from __future__ import annotations

import json

from codexmcp.runs.audit.reading import read_records
from codexmcp.testing import CustomToolCall, FunctionCall, Reply, Text, Usage
from tests.support.commands import codexmcp
from tests.support.supervision import Station

MODEL = "gpt-6.1-sol"
"""Of the catalogue of the pinned Codex: only such a model is given sub-agents."""

RESPONSE = Usage(100, 10)
REQUESTS = 3 + 3 + 4
"""Of the root, its child and its grandchild."""

ADDED = "*** Begin Patch\n*** Add File: kept.txt\n+k\n*** End Patch\n"
CHANGE = "*** Move to: moved.txt\n@@\n-k\n+K\n"
MOVED = f"*** Begin Patch\n*** Update File: kept.txt\n{CHANGE}*** End Patch\n"


def call(name: str, **arguments: object) -> Reply:
    return Reply((FunctionCall(name, arguments, namespace="collaboration"),), RESPONSE)


def script(tool: str, argument: object) -> Reply:
    source = f"text(JSON.stringify(await tools.{tool}({json.dumps(argument)})));"
    return Reply((CustomToolCall("exec", source),), RESPONSE)


def said(text: str) -> Text:
    return Text(text, RESPONSE)


async def test_the_work_of_every_agent_is_on_record(here: Station) -> None:
    for parent, child in (("delegate", "middle"), ("middle", "leaf")):
        here.model.on(
            parent,
            call("spawn_agent", task_name=child, message=child, fork_turns="none"),
            call("wait_agent", timeout_ms=30_000),
            said(f"{child} is done"),
        )
    patched = [script("apply_patch", patch) for patch in (ADDED, MOVED)]
    here.model.on("leaf", script("exec_command", {"cmd": "exit 7"}), *patched, said("left"))
    async with here.client() as client:
        run_id = await client.run("delegate", model=MODEL)
        told = await client.wait(run_id)
    assert (told["status"], told["message"]) == ("completed", "middle is done")
    assert told["progress"]["totalTokens"] == 110 * REQUESTS

    folder = here.project / ".codex" / "codex-mcp" / "runs"
    codes = [
        (record.get("agent"), record["params"]["item"]["exitCode"])
        for record in read_records(folder, run_id)
        if record.get("method") == "item/completed"
        and record["params"]["item"]["type"] == "commandExecution"
    ]
    assert codes == [("/root/middle/leaf", 7)]
    summary = (folder / f"{run_id}.md").read_text()
    section = summary.partition("## Agent `/root/middle/leaf`\n\n")[2]
    assert "exit 7'`: exit code 7" in section
    assert f"- `{here.project}/moved.txt`: moved from" in section
    assert "```text\nleft\n```" in section

    tail = (await codexmcp(here.home, "runs", "tail", run_id, **here.env)).out
    for line in (
        "agent: /root/middle started",
        "[/root/middle] agent: /root/middle/leaf started",
        "[/root/middle/leaf] $ exit 7",
        "[/root/middle/leaf] = exit code 7",
        f"[/root/middle/leaf] file: {here.project}/kept.txt -> {here.project}/moved.txt (move)",
        "[/root/middle/leaf] codex: left",
    ):
        assert line in tail


async def test_an_empty_answer_is_on_record(here: Station) -> None:
    here.model.on("refuse", Reply(()))
    async with here.client() as client:
        run_id = await client.run("refuse", model=MODEL)
        assert (await client.wait(run_id))["status"] == "completed"
    tail = (await codexmcp(here.home, "runs", "tail", run_id, **here.env)).out
    assert "! the turn ended without a message of the model" in tail
    summary = here.project / ".codex" / "codex-mcp" / "runs" / f"{run_id}.md"
    assert "None: the turn ended without a message of the model." in summary.read_text()
