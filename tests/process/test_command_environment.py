"""Commands see the environment of the client that asked for them, at every door of a supervisor."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.testing import ShellCall, Text
from tests.support.supervision import Station

BOTH = ("--tools", "codex,runs")
FIXED = ("--sandbox", "workspace-write", "--approval-policy", "never", "--cwd", ".")
OF_A = {
    "PROJECT_A_TOKEN": "of-a",
    "AWS_SECRET_ACCESS_KEY": "of-a",
    "GIT_SSH_COMMAND": "of-a",
    "VIRTUAL_ENV": "/of-a",
}


@pytest.mark.parametrize("flags", [(), FIXED])
async def test_commands_see_nothing_of_whoever_started_the_supervisor(
    here: Station, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    hooked = tmp_path / "env.sh"
    hooked.write_text("export HOOKED=of-a\n")
    doors = ("codex", "reply", "run", "resume", "reply to a thread of a")
    for number, door in enumerate(doors):
        here.model.on(door, ShellCall(f"env > seen-{number}"), Text("done"))
    asked = {"sandbox": "workspace-write", "approval-policy": "never"}
    a = here.client(*BOTH, env={**OF_A, "BASH_ENV": str(hooked)})
    b = here.client(*BOTH, *flags, env={"VIRTUAL_ENV": "/of-b"})
    async with a as first, b as second:
        theirs = await first.tool("codex", prompt="of a", **asked)
        made = await second.tool("codex", prompt="codex", **asked)
        await second.tool("codex-reply", threadId=made["threadId"], prompt="reply")
        run_id = await second.run("run")
        await second.wait(run_id)
        await second.tool("codex_resume", run_id=run_id, prompt="resume", wait_ms=20_000)
        await second.tool("codex-reply", threadId=theirs["threadId"], prompt=doors[-1])
    for number, door in enumerate(doors):
        seen = (here.project / f"seen-{number}").read_text()
        assert "of-a" not in seen, door
        assert "VIRTUAL_ENV=/of-b\n" in seen, door
    assert not [*here.home.glob("shell_snapshots/*")]
