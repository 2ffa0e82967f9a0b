"""Every file of `examples/`, run by itself in rehearsal."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.builds import CHECKOUT
from tests.support.ended import Ended, run_to_end
from tests.support.processes import processes_of, until
from tests.support.supervision import kill

EXAMPLES = sorted((CHECKOUT / "examples").glob("*.py"))
LONGEST = 40
BOUND_S = 90.0

TOLD = {
    "one_shot": "$ uname -sr (exit code 0)",
    "one_shot_sync": "Linux",
    "streaming": "[completed]",
    "parallel": "== shell",
    "approvals": "-> no",
    "structured_output": "processors",
    "agents_sdk": "Linux",
    "resume_after_kill": "further: ",
}
"""What each prints, among other lines."""


async def rehearse(home: Path, folder: Path, *words: str) -> Ended:
    """Run an example as a user rehearses it."""
    command = [sys.executable, "-m", "codexmcp.rehearsal", "--home", str(home)]
    return await run_to_end([*command, *words], dict(os.environ), cwd=folder, bound_s=BOUND_S)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_ends_well_and_leaves_no_process(
    example: Path, codex_home: Path, tmp_path: Path
) -> None:
    ran = await rehearse(codex_home, tmp_path, str(example))
    assert ran.code == 0, ran.err
    assert TOLD[example.stem] in ran.out
    for pid, line in processes_of(codex_home).items():
        if " serve" in line:
            # It waits for further clients.
            kill(pid, signal.SIGTERM)
    await until(lambda: not processes_of(codex_home), "every process is gone")


async def test_an_approval_that_is_given_has_the_command_run(
    codex_home: Path, tmp_path: Path
) -> None:
    ran = await rehearse(
        codex_home, tmp_path, str(CHECKOUT / "examples" / "approvals.py"), "accept"
    )
    assert "Exit code: 0" in ran.out, ran.err


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= LONGEST


async def test_a_program_that_fails_fails_its_rehearsal(codex_home: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys; sys.exit(7)")
    assert (await rehearse(codex_home, tmp_path, str(program))).code == 7
