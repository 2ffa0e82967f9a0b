from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.applying import apply
from codexmcp.home.profiles.plans import plan_add, plan_migrate, plan_remove

OLD = 'profile = "fast"\nmodel = "m"\n\n[profiles.fast]\nmodel = "f"\n\n[profiles.deep]\nx = 1\n'


def test_adding_what_is_there_changes_nothing(tmp_path: Path) -> None:
    apply(plan_add(tmp_path, {"a": "x = 1\n"}).changes)
    assert (tmp_path / "a.config.toml").read_text() == "x = 1\n"
    assert plan_add(tmp_path, {"a": "x = 1\n"}).changes == []


def test_a_file_that_says_something_else_is_only_replaced_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.config.toml").write_text("mine = 1\n")
    with pytest.raises(ConfigurationError, match=r"a\.config\.toml exists .*--replace"):
        plan_add(tmp_path, {"b": "x = 1\n", "a": "x = 1\n"})
    (change,) = plan_add(tmp_path, {"a": "x = 1\n"}, replace=True).changes
    assert (change.before, change.after) == (b"mine = 1\n", b"x = 1\n")


@pytest.mark.parametrize("name", ["../a", "a.b", "a b", "", "é"])
def test_a_name_that_codex_refuses_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="invalid profile name"):
        plan_add(tmp_path, {name: ""})
    with pytest.raises(UsageError, match="invalid profile name"):
        plan_remove(tmp_path, [name])


def test_removing_what_is_not_there_says_what_codex_does_without_it(tmp_path: Path) -> None:
    (tmp_path / "here.config.toml").write_text("")
    with pytest.raises(ConfigurationError, match=r"gone\.config\.toml.*silently ignores.*here"):
        plan_remove(tmp_path, ["here", "gone"])


def test_a_migration_writes_the_files_before_it_takes_the_tables_away(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(OLD)
    plan = plan_migrate(tmp_path)
    assert [change.path.name for change in plan.changes] == [
        "fast.config.toml",
        "deep.config.toml",
        "config.toml",
    ]
    assert (plan.names, plan.default) == (("fast", "deep"), "fast")


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_a_migration_that_was_killed_is_finished_by_the_next(tmp_path: Path, written: int) -> None:
    (tmp_path / "config.toml").write_text(OLD)
    for change in plan_migrate(tmp_path).changes[:written]:
        assert change.after is not None
        change.path.write_bytes(change.after)
    apply(plan_migrate(tmp_path).changes)
    assert {path.name: path.read_text() for path in tmp_path.glob("*.toml")} == {
        "config.toml": 'model = "m"\n\n',
        "fast.config.toml": 'model = "f"\n',
        "deep.config.toml": "x = 1\n",
    }


def test_a_migration_does_not_replace_a_profile_that_says_something_else(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(OLD)
    (tmp_path / "deep.config.toml").write_text("mine = 1\n")
    plan = plan_migrate(tmp_path)
    (told,) = plan.left
    assert told.startswith(f"{tmp_path / 'config.toml'}, line 7: ")
    assert "deep.config.toml exists" in told
    apply(plan.changes)
    assert (tmp_path / "config.toml").read_text() == 'model = "m"\n\n[profiles.deep]\nx = 1\n'
    assert (tmp_path / "deep.config.toml").read_text() == "mine = 1\n"
    assert plan_migrate(tmp_path, replace=True).left == ()


def test_a_profile_whose_name_codex_refuses_is_told_with_a_name_that_it_takes(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text(f'{OLD}\n[profiles."deep work"]\nx = 2\n')
    plan = plan_migrate(tmp_path)
    assert plan.names == ("fast", "deep")
    (told,) = plan.left
    assert "line 10: " in told
    assert "[profiles.deep-work]" in told


def test_a_broken_config_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("a = 1\nb =\n")
    with pytest.raises(ConfigurationError, match=r"config\.toml, line 2: .*TOML"):
        plan_migrate(tmp_path)


def test_a_home_without_a_config_has_nothing_to_migrate(tmp_path: Path) -> None:
    assert plan_migrate(tmp_path / "none").changes == []
