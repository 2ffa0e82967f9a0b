"""Audit files of runs that no store ever took, because whoever handed them in was killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from codexmcp.runs.audit.names import PROJECT_INDEX, default_audit_dir
from tests.support.builds import CHECKOUT
from tests.support.ended import Ended, run_to_end
from tests.support.supervision import BOUND_S, PYTHON, Station, station

RUN = "20260101-000000-0badf00d"
PROMPT = "never taken"
DIES = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from tests.support.audit import a_run, open_trail
project, pointers, run_id, group, prompt = sys.argv[1:]
run = replace(a_run(Path(project), run_id, prompt), group=group)
trail = open_trail(run, Path(pointers))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest_asyncio.fixture
async def here(codex_home: Path) -> AsyncIterator[Station]:
    async with station(codex_home) as here:
        yield here


async def _runs(here: Station, *words: str) -> Ended:
    argv = [*PYTHON, "codexmcp", "runs", *words]
    return await run_to_end(argv, here.env, cwd=here.project, bound_s=BOUND_S)


async def _told(here: Station, *words: str) -> Any:
    ended = await _runs(here, *words, "--json")
    assert ended.code == 0, ended
    return json.loads(ended.out)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _hand_in_and_die(here: Station, pointers: Path, group: str) -> Path:
    """Open a run's audit files in a process that is killed before it records the run."""
    argv = [sys.executable, "-c", DIES, str(here.project), str(pointers), RUN, group, PROMPT]
    died = subprocess.run(argv, cwd=CHECKOUT, timeout=BOUND_S, check=False)
    assert died.returncode == -signal.SIGKILL
    folder = default_audit_dir(here.project)
    assert (folder / f"active/{RUN}.json").exists()
    assert _lines(folder / f"{RUN}.jsonl")[-1]["state"] == "queued"
    return folder


async def _group(here: Station) -> str:
    """Start a run, which has a supervisor at work, and return its group."""
    started = await _runs(here, "start", "--wait", "hello")
    assert started.code == 0, started
    (file,) = default_audit_dir(here.project).glob("2*.jsonl")
    return str(_lines(file)[0]["group"])


async def test_a_run_that_no_store_took_is_settled_and_never_started(here: Station) -> None:
    folder = _hand_in_and_die(here, here.home / "mcp-wrapper", await _group(here))
    rebuilt = await _told(here, "reindex")
    assert (rebuilt["found"], rebuilt["restored"]) == (2, 1)
    shown = await _told(here, "show", RUN)
    assert (shown["status"], shown["prompt"], shown["attempt"]) == ("interrupted", PROMPT, 0)
    assert "it never began: no store has a record of it" in shown["reason"]
    last = _lines(folder / f"{RUN}.jsonl")[-1]
    assert (last["state"], last["reason"]) == ("interrupted", shown["reason"])
    assert _lines(folder / PROJECT_INDEX)[-1]["status"] == "interrupted"
    assert shown["reason"] in (folder / f"{RUN}.md").read_text()
    assert not (folder / "active" / f"{RUN}.json").exists()
    assert (await _told(here, "reindex"))["restored"] == 0
    assert (await _runs(here, "start", "--wait", "afterwards")).code == 0
    refused = await _runs(here, "resume", RUN)
    assert refused.code == 1
    assert "start a new run" in refused.err
    assert here.model.asked(PROMPT) == 0
    gone = await _told(here, "prune", "--max-size", "0")
    assert RUN in [each["runId"] for each in gone["runs"]]


async def test_the_files_of_a_run_that_waits_in_another_store_are_left_as_they_are(
    here: Station, tmp_path: Path
) -> None:
    folder = _hand_in_and_die(here, tmp_path / "another-store", await _group(here))
    before = (folder / f"{RUN}.jsonl").read_bytes()
    assert (await _told(here, "reindex"))["restored"] == 1
    shown = await _told(here, "show", RUN)
    assert (shown["status"], shown["reason"]) == (
        "interrupted",
        "the records of this run end before it began",
    )
    assert (folder / f"{RUN}.jsonl").read_bytes() == before
    assert (folder / f"active/{RUN}.json").exists()
    assert (await _runs(here, "start", "--wait", "afterwards")).code == 0
    assert here.model.asked(PROMPT) == 0


@pytest.mark.parametrize("kept_lines", [0, 1])
async def test_a_file_that_was_only_just_opened_makes_no_run_that_is_started(
    here: Station, kept_lines: int
) -> None:
    folder = _hand_in_and_die(here, here.home / "mcp-wrapper", await _group(here))
    file = folder / f"{RUN}.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:kept_lines]))
    assert (await _told(here, "reindex"))["restored"] == 1
    assert (await _told(here, "show", RUN))["status"] == ("interrupted" if kept_lines else "lost")
    assert (await _runs(here, "start", "--wait", "afterwards")).code == 0
    assert here.model.asked(PROMPT) == 0
