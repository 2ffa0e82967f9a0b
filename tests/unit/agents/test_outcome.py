from __future__ import annotations

from pathlib import Path

from codexmcp.agents.outcome import AgentOutcome
from codexmcp.agents.record import AgentRecord
from codexmcp.errors import DeadlineError, ExitCode


def test_a_good_end_has_the_files_that_appeared(tmp_path: Path) -> None:
    outcome = AgentOutcome()
    outcome.watch(tmp_path)
    (tmp_path / "new.txt").touch()
    outcome.answer = "done"
    summary = outcome.summary(AgentRecord(), command="run")
    assert (summary.exit_code, summary.error, summary.answer) == (ExitCode.DONE, None, "done")
    assert (summary.files, summary.folder) == (["new.txt"], str(tmp_path))


def test_an_error_becomes_one_line_and_its_exit_code() -> None:
    summary = AgentOutcome(error=DeadlineError("too\n  slow")).summary(AgentRecord(), command="run")
    assert (summary.exit_code, summary.error) == (ExitCode.TIMEOUT, "too slow")
    assert (summary.files, summary.folder) == ([], "")
