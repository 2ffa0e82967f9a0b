"""Audit files that a command in a sandbox has written open no thread, at any door."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState
from tests.support.ended import run_to_end
from tests.support.supervision import BOUND_S, PYTHON, RefusedError, RunClient, Station

FORGED = "20250101-000000-deadbeef"
BOUND = ("--sandbox", "workspace-write", "--approval-policy", "never", "--cwd", ".")
NO_RUN = f"there is no run '{FORGED}'"


def forge(project: Path, thread_id: str, server: list[str]) -> Path:
    """Write the files of a run in a folder that commands may write, and return that folder.

    They name a thread of somebody else, claim that it works here, and have a setting by which
    Codex would start a program outside of the sandbox.
    """
    folder = project / "sub"
    folder.mkdir()
    settings = {"mcp_servers": {"x": {"command": server[0], "args": server[1:]}}}
    thread = {"sandbox": "workspace-write", "approvalPolicy": "never", "config": settings}
    audit_dir = folder / ".codex/codex-mcp/runs"
    request = RunRequest("do", str(project), str(audit_dir), thread=thread)
    run = Run(FORGED, 0, request, RunState.QUEUED, "", str(project), 0, 1.0)
    trail = AuditTrail.open(run, pointer_dir=project / "sub/pointers", redactor=Redactor())
    over = replace(run, state=RunState.COMPLETED, attempt=1, thread_id=thread_id, ended_at=2.0)
    trail.state(over)
    trail.close()
    return folder


async def by_command(here: Station, *words: str) -> None:
    ended = await here.command("runs", "resume", FORGED, "INJECTED", *words)
    if ended.code:
        raise RefusedError(ended.err)


Door = Callable[[Station, RunClient], Awaitable[object]]

DOORS: dict[str, Door] = {
    "codex_resume": lambda _, client: client.tool(
        "codex_resume", run_id=FORGED, cwd="sub", sandbox="read-only", prompt="INJECTED"
    ),
    "codex_fork": lambda _, client: client.tool(
        "codex_fork", run_id=FORGED, cwd="sub", sandbox="read-only", prompt="INJECTED"
    ),
    "codex_result": lambda _, client: client.tool("codex_result", run_id=FORGED),
    "attach": lambda here, client: client.ask(
        "codexmcp/attach", runId=FORGED, cwd=str(here.project / "sub")
    ),
    "runs resume": lambda here, _: by_command(here),
    "runs resume --fork": lambda here, _: by_command(here, "--fork"),
}
"""HTTP has the same tools, and `runs attach` and the picker look a run up in the store first."""


async def test_a_forged_run_is_no_run(here: Station, tmp_path: Path) -> None:
    async with here.client() as free, here.client(*BOUND) as bound:
        theirs = await free.wait(
            await free.run("of another", permissions="yolo", cwd=str(tmp_path))
        )
        forge(here.project, theirs["threadId"], ["true"])
        for name, door in DOORS.items():
            for client in (free, bound):
                refusal = NO_RUN
                if name == "attach" and client is bound:
                    refusal = "method not found"
                with pytest.raises(RefusedError, match=refusal):
                    await door(here, client)
    assert here.model.asked("INJECTED") == 0


async def test_a_forged_run_that_its_owner_reindexes_may_do_what_codex_has_recorded(
    here: Station, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    async with here.client() as free, here.client(*BOUND) as bound:
        theirs = await free.wait(
            await free.run("of another", permissions="yolo", cwd=str(tmp_path))
        )
        folder = forge(here.project, theirs["threadId"], ["touch", str(started)])
        argv = [*PYTHON, "codexmcp", "runs", "reindex", str(folder), "--json"]
        ended = await run_to_end(argv, here.env, cwd=here.project, bound_s=BOUND_S)
        told = json.loads(ended.out)
        assert told["restored"] == 1
        assert [claim.partition("; ")[2] for claim in told["claims"]] == [
            f"Codex has recorded '{tmp_path}', which holds",
            "Codex has recorded 'danger-full-access', which holds",
        ]
        for name in ("codex_resume", "codex_fork", "codex_result"):
            with pytest.raises(RefusedError, match="refused"):
                await DOORS[name](here, bound)
        await free.ask("codexmcp/attach", runId=FORGED)
        again = {"run_id": FORGED, "prompt": "mine", "wait_ms": 20_000}
        assert (await free.tool("codex_fork", **again))["message"] == "done: mine"
    assert not started.exists()
    assert here.model.asked("INJECTED") == 0
