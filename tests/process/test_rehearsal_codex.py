"""The rehearsal as the real Codex drives it: in code mode, and with plain tools."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codexmcp.rehearsal.conversation import text_of
from codexmcp.rehearsal.refusal import is_refusal
from codexmcp.rehearsal.responses import Item
from codexmcp.testing import (
    Calls,
    CreateGoal,
    CustomToolCall,
    Delay,
    Failed,
    FunctionCall,
    HTTPError,
    Rehearse,
    Reply,
    Request,
    Role,
    Script,
    ScriptedModel,
    ShellCall,
    Spawn,
    Step,
    Surface,
    Text,
    WaitForAgents,
)
from tests.support.builds import codex_build, pinned_codex
from tests.support.model_steps import UNKNOWN_MODEL

BOUND_S = 60.0
OLDEST = "0.153.4"
SKILL = """\
---
name: smoke
description: Runs the smoke test.
---
# Smoke

```bash
bash scripts/run-smoke.sh
```
"""


@dataclass(frozen=True)
class Ran:
    code: int
    events: Sequence[dict[str, Any]]

    def items(self, kind: str) -> list[dict[str, Any]]:
        done = (event["item"] for event in self.events if event["type"] == "item.completed")
        return [item for item in done if item["type"] == kind]

    @property
    def said(self) -> str:
        return str(self.items("agent_message")[-1]["text"])

    @property
    def error(self) -> str:
        (failed,) = [event for event in self.events if event["type"] == "turn.failed"]
        return str(failed["error"]["message"])


@dataclass(frozen=True)
class Codex:
    root: Path
    model: ScriptedModel
    surface: Surface

    def script(self, *steps: Step) -> None:
        self.model.add(*steps)

    async def run(self, prompt: str, *more: str, codex: Path | None = None) -> Ran:
        provider = f'{{name="t",base_url="{self.model.base_url}",wire_api="responses"}}'
        options = ["-c", "model_provider=t", "-c", f"model_providers.t={provider}"]
        # Without a name Codex takes the default of its catalogue.
        options += ["-m", UNKNOWN_MODEL] if self.surface is Surface.PLAIN else []
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root)}
        process = await asyncio.create_subprocess_exec(
            str(codex or os.environ.get("CODEX_BIN") or pinned_codex()),
            *("exec", *more, "--json", "--skip-git-repo-check", *options, prompt),
            cwd=self.root / "work",
            env={**environment, "CODEX_HOME": str(self.root / "home")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), BOUND_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ran(process.returncode, [json.loads(line) for line in out.splitlines()])


@pytest.fixture(params=[Surface.CODE_MODE, Surface.PLAIN])
async def codex(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Codex]:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "AGENTS.md").write_text("Never run `false`.\n")
    scripts = tmp_path / "home" / "skills" / "smoke" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "run-smoke.sh").write_text("echo smoke passed in $PWD\n")
    (scripts.parent / "SKILL.md").write_text(SKILL)
    async with ScriptedModel(surface=request.param) as model:
        yield Codex(tmp_path, model, request.param)


async def test_a_quoted_command_runs_and_is_reported(codex: Codex) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run("Please run `echo one; echo two` for me.")
    assert ran.code == 0
    (command,) = ran.items("command_execution")
    assert command["exit_code"] == 0
    assert ran.said == "Command: echo one; echo two\nExit code: 0. Output:\none\ntwo\n"
    assert codex.model.remaining() == 0


async def test_a_skill_runs_from_its_own_folder(codex: Codex) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run("Use $smoke here, not `false`.")
    script = codex.root / "home" / "skills" / "smoke" / "scripts" / "run-smoke.sh"
    output = f"smoke passed in {codex.root / 'work'}\n"
    assert ran.said == f"Command: bash {script}\nExit code: 0. Output:\n{output}"


async def test_a_failing_command_is_reported_as_failed(codex: Codex) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run("```bash\necho broken >&2\nexit 3\n```")
    (command,) = ran.items("command_execution")
    assert command["exit_code"] == 3
    assert ran.said.endswith("The command failed with exit code 3. Output:\nbroken\n")


async def test_a_prompt_without_a_command_fails_with_the_reason(codex: Codex) -> None:
    codex.script(Rehearse())
    ran = await codex.run("Think about life.")
    assert ran.code == 1
    assert is_refusal(ran.error)
    assert codex.model.request_count == 1


async def test_a_resumed_thread_follows_only_its_new_prompt(codex: Codex) -> None:
    codex.script(*[Rehearse()] * 5)
    first = await codex.run("Run `echo one`.")
    thread_id = first.events[0]["thread_id"]
    second = await codex.run("Run `echo two`.", "resume", thread_id)
    assert second.said == "Command: echo two\nExit code: 0. Output:\ntwo\n"
    third = await codex.run("Well done.", "resume", thread_id)
    assert is_refusal(third.error)


async def test_a_command_that_outlasts_its_call_is_polled(codex: Codex) -> None:
    command = "echo begun; sleep 1; echo ended; exit 4"
    script = f"const r = await tools.exec_command({{cmd: {json.dumps(command)}}});"
    shown = "text(`Process exited with code ${r.exit_code}\\nOutput:\\n${r.output}`);"
    pragma = '// @exec: {"yield_time_ms": 250}'
    calls: dict[Surface, Item] = {
        Surface.PLAIN: FunctionCall("exec_command", {"cmd": command, "yield_time_ms": 250}),
        Surface.CODE_MODE: CustomToolCall("exec", f"{pragma}\n{script}\n{shown}\n"),
    }
    codex.script(Reply((calls[codex.surface],)), *[Rehearse()] * 9)
    ran = await codex.run("Run `it`.")
    assert ran.said.startswith(f"Command: {command}\nThe command failed with exit code 4. ")
    assert ran.said.endswith("Output:\nbegun\nended\n")
    assert codex.model.remaining() < 8


async def test_long_output_keeps_its_exit_code(codex: Codex) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run("Run `seq 1 60000; exit 5`.")
    assert "The command failed with exit code 5. Output:\n" in ran.said
    assert "truncated…" in ran.said
    assert ran.said.endswith("\n60000\n")


async def test_a_denied_command_is_reported_as_failed(codex: Codex) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run("Run `echo no > denied.txt`.", "--sandbox", "read-only")
    assert "The command failed with exit code 1. Output:\n" in ran.said
    assert ran.said.endswith(": denied.txt: Read-only file system\n")


@pytest.mark.parametrize("codex", [Surface.CODE_MODE], indirect=True)
async def test_a_script_that_throws_is_reported_as_a_command_that_could_not_run(
    codex: Codex,
) -> None:
    thrown = Script('await tools.exec_command({cmd: "echo hi"}); throw new Error("boom");')
    codex.script(thrown, Rehearse())
    ran = await codex.run("Run `it`.")
    assert ran.said.startswith("Command: echo hi\nThe command could not be run. Codex said:\n")
    assert "boom" in ran.said


async def test_a_scripted_shell_call_fits_the_models_tools(codex: Codex) -> None:
    codex.script(ShellCall("echo scripted"), Delay(0.01, then=Text("done")))
    ran = await codex.run("anything")
    (command,) = ran.items("command_execution")
    assert command["aggregated_output"] == "scripted\n"
    assert ran.said == "done"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (HTTPError(400, "bad thing"), "bad thing"),
        (Failed("insufficient_quota", "no money"), "Quota exceeded"),
    ],
)
async def test_a_fault_reaches_the_turn(codex: Codex, fault: Step, message: str) -> None:
    codex.script(fault)
    ran = await codex.run("anything")
    assert ran.code == 1
    assert message in ran.error


async def test_a_sub_agent_is_spawned_and_waited_for(codex: Codex) -> None:
    def answer(request: Request) -> Spawn | WaitForAgents | Text:
        if request.agent != "/root":
            return Text("helped")
        match [step["name"] for step in request.turn.steps if "name" in step]:
            case []:
                return Spawn("helper", "help")
            case [_]:
                return WaitForAgents()
            case _:
                return Text("done")

    codex.script(*[answer] * 4)
    ran = await codex.run("anything")
    assert ran.said == "done"
    (child,) = [request for request in codex.model.requests if request.agent != "/root"]
    assert child.turn.prompt == "help"
    assert child.agent == (
        "/root/helper" if codex.surface is Surface.CODE_MODE else child.thread_id
    )


async def test_a_goal_is_created(codex: Codex) -> None:
    codex.script(CreateGoal("win", token_budget=50_000), Text("begun"))
    await codex.run("anything")
    created = codex.model.requests[1].turn.steps[-1]
    told = text_of(created["output"])
    # 0.171.0 answers with the objective alone, older builds with the whole goal.
    assert "win" in told
    assert "fail" not in told


@pytest.mark.parametrize("codex", [Surface.CODE_MODE], indirect=True)
@pytest.mark.parametrize("build", ["pinned", OLDEST])
@pytest.mark.timeout(240)
async def test_sub_agents_follow_scripts_of_their_own(codex: Codex, build: str) -> None:
    async def once_both_are_done(_: Request) -> Text:
        await codex.model.wait_for_requests(6, BOUND_S)
        return Text("all done")

    codex.script(Calls((Spawn("a", "help"), Spawn("b", "help"))), once_both_are_done)
    for name in ("a", "b"):
        steps = (ShellCall(f"echo {name} > {name}.txt"), Text(f"{name} is done"))
        codex.model.add(*steps, role=f"/root/{name}")
    binary = pinned_codex() if build == "pinned" else codex_build(build)
    ran = await codex.run("anything", "--sandbox", "danger-full-access", codex=binary)
    assert ran.said == "all done"
    assert [codex.model.remaining(role) for role in (Role.CODEX, "/root/a", "/root/b")] == [0, 0, 0]
    assert (codex.root / "work" / "b.txt").read_text() == "b\n"
