from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.agents.arguments import Arguments
from codexmcp.agents.workplace import make_plan
from tests.unit.codex.test_recorded import THREAD, rollout, turn


@pytest.mark.parametrize(
    ("asked", "setting", "sandbox"),
    [
        (None, None, "read-only"),
        (None, "danger-full-access", "read-only"),
        ("workspace-write", None, "workspace-write"),
    ],
)
def test_a_thread_goes_on_where_and_as_it_worked_unless_told_otherwise(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str | None,
    setting: str | None,
    sandbox: str,
) -> None:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / ".codex"))
    monkeypatch.setenv("CODEX_SANDBOX_MODE", setting or "workspace-write")
    (tmp_path / "work").mkdir()
    entry = turn(cwd=str(tmp_path / "work"), sandbox_policy={"type": "read-only"})
    rollout(tmp_path / ".codex/sessions/2026/12/01", entry)
    plan = make_plan(Arguments(prompt="x", rehearse=True, sandbox=asked, resume=THREAD), tmp_path)
    assert (plan.sandbox, plan.folder) == (sandbox, tmp_path / "work")
    new = make_plan(Arguments(prompt="x", rehearse=True), tmp_path)
    assert (new.sandbox, new.folder) == (setting or "workspace-write", tmp_path / "output")
