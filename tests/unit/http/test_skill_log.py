from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.http.persist import Persisted
from codexmcp.http.telemetry import Event, TelemetryKind, from_json
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.usage.skill_uses import SkillUse


def posted(at: float, client: str = "codex") -> Event:
    return Event(TelemetryKind.COMMAND, at, {"command": "x", "client": client})


@pytest.mark.parametrize(
    ("told", "count"),
    [
        ([posted(100), SkillUse(90, "x", "/p")], 1),
        ([SkillUse(90, "x", "/p"), posted(100)], 1),
        ([SkillUse(90, "x", "/p"), SkillUse(95, "x", "/p"), posted(100), posted(101)], 2),
        ([posted(100), posted(101)], 2),
        ([SkillUse(90, "x", "/p"), posted(500)], 2),
        ([SkillUse(90, "x", "/p"), posted(100, "claude")], 2),
    ],
)
def test_a_use_that_a_skill_and_a_rollout_tell_counts_once(
    tmp_path: Path, told: list[Event | SkillUse], count: int
) -> None:
    persisted = Persisted(tmp_path / "persist.json", Redactor(()))
    for each in told:
        if isinstance(each, Event):
            persisted.add(each)
        else:
            persisted.add_use(each)
    assert persisted.telemetry.counts == {"command-log": {"x": count}}


def test_a_long_path_of_a_project_is_cut(tmp_path: Path) -> None:
    persisted = Persisted(tmp_path / "persist.json", Redactor(()))
    persisted.add_use(SkillUse(1, "x", "/p" * 1000))
    assert len(persisted.telemetry.last()[0]["project"]) == 200


def test_the_moment_up_to_which_rollouts_were_read_is_kept(tmp_path: Path) -> None:
    persisted = Persisted(tmp_path / "persist.json", Redactor(()))
    persisted.telemetry.skills_until = 12.5
    kept = persisted.telemetry.to_json()
    assert from_json(kept).skills_until == 12.5
    assert from_json({**kept, "skillsUntil": "soon"}).skills_until is None
