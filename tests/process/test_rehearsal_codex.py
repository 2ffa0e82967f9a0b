"""The rehearsal as the real Codex drives it, with plain tools and in code mode."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from codex_cli_bin import bundled_codex_path

from codexmcp.rehearsal.refusal import is_refusal
from codexmcp.rehearsal.responses import Item
from codexmcp.testing import (
    CustomToolCall,
    Delay,
    Failed,
    FunctionCall,
    HTTPError,
    Rehearse,
    Reply,
    ScriptedModel,
    ShellCall,
    Step,
    Text,
)

BOUND_S = 60.0
PLAIN = "rehearsal"
CODE_MODE = "gpt-5.6-sol"
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
pytestmark = pytest.mark.parametrize("name", [PLAIN, CODE_MODE])


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

    def script(self, *steps: Step) -> None:
        self.model.add(*steps)

    async def run(self, name: str, prompt: str, *more: str) -> Ran:
        provider = f'{{name="t",base_url="{self.model.base_url}",wire_api="responses"}}'
        options = ["-c", "model_provider=t", "-c", f"model_providers.t={provider}", "-m", name]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root)}
        process = await asyncio.create_subprocess_exec(
            os.environ.get("CODEX_BIN") or str(bundled_codex_path()),
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


@pytest.fixture
async def codex(tmp_path: Path) -> AsyncIterator[Codex]:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "AGENTS.md").write_text("Never run `false`.\n")
    scripts = tmp_path / "home" / "skills" / "smoke" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "run-smoke.sh").write_text("echo smoke passed in $PWD\n")
    (scripts.parent / "SKILL.md").write_text(SKILL)
    async with ScriptedModel() as model:
        yield Codex(tmp_path, model)


async def test_a_quoted_command_runs_and_is_reported(codex: Codex, name: str) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run(name, "Please run `echo one; echo two` for me.")
    assert ran.code == 0
    (command,) = ran.items("command_execution")
    assert command["exit_code"] == 0
    assert ran.said == "Command: echo one; echo two\nExit code: 0. Output:\none\ntwo\n"
    assert codex.model.remaining() == 0


async def test_a_skill_runs_from_its_own_folder(codex: Codex, name: str) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run(name, "Use $smoke here, not `false`.")
    script = codex.root / "home" / "skills" / "smoke" / "scripts" / "run-smoke.sh"
    output = f"smoke passed in {codex.root / 'work'}\n"
    assert ran.said == f"Command: bash {script}\nExit code: 0. Output:\n{output}"


async def test_a_failing_command_is_reported_as_failed(codex: Codex, name: str) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run(name, "```bash\necho broken >&2\nexit 3\n```")
    (command,) = ran.items("command_execution")
    assert command["exit_code"] == 3
    assert ran.said.endswith("The command failed with exit code 3. Output:\nbroken\n")


async def test_a_prompt_without_a_command_fails_with_the_reason(codex: Codex, name: str) -> None:
    codex.script(Rehearse())
    ran = await codex.run(name, "Think about life.")
    assert ran.code == 1
    assert is_refusal(ran.error)
    assert codex.model.request_count == 1


async def test_a_resumed_thread_follows_only_its_new_prompt(codex: Codex, name: str) -> None:
    codex.script(*[Rehearse()] * 5)
    first = await codex.run(name, "Run `echo one`.")
    thread_id = first.events[0]["thread_id"]
    second = await codex.run(name, "Run `echo two`.", "resume", thread_id)
    assert second.said == "Command: echo two\nExit code: 0. Output:\ntwo\n"
    third = await codex.run(name, "Well done.", "resume", thread_id)
    assert is_refusal(third.error)


async def test_a_command_that_outlasts_its_call_is_polled(codex: Codex, name: str) -> None:
    command = "echo begun; sleep 1; echo ended; exit 4"
    script = f"const r = await tools.exec_command({{cmd: {json.dumps(command)}}});"
    shown = "text(`Process exited with code ${r.exit_code}\\nOutput:\\n${r.output}`);"
    pragma = '// @exec: {"yield_time_ms": 250}'
    calls: dict[str, Item] = {
        PLAIN: FunctionCall("exec_command", {"cmd": command, "yield_time_ms": 250}),
        CODE_MODE: CustomToolCall("exec", f"{pragma}\n{script}\n{shown}\n"),
    }
    codex.script(Reply((calls[name],)), *[Rehearse()] * 9)
    ran = await codex.run(name, "Run `it`.")
    assert ran.said.startswith(f"Command: {command}\nThe command failed with exit code 4. ")
    assert ran.said.endswith("Output:\nbegun\nended\n")
    assert codex.model.remaining() < 8


async def test_long_output_keeps_its_exit_code(codex: Codex, name: str) -> None:
    codex.script(Rehearse(), Rehearse())
    ran = await codex.run(name, "Run `seq 1 60000; exit 5`.")
    assert "The command failed with exit code 5. Output:\n" in ran.said
    assert "truncated…" in ran.said
    assert ran.said.endswith("\n60000\n")


async def test_a_scripted_shell_call_fits_the_models_tools(codex: Codex, name: str) -> None:
    codex.script(ShellCall("echo scripted"), Delay(0.01, then=Text("done")))
    ran = await codex.run(name, "anything")
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
async def test_a_fault_reaches_the_turn(codex: Codex, name: str, fault: Step, message: str) -> None:
    codex.script(fault)
    ran = await codex.run(name, "anything")
    assert ran.code == 1
    assert message in ran.error
