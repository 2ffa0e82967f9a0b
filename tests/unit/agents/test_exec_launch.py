from __future__ import annotations

import json

import pytest  # noqa: TC002 - a plugin reads these annotations

from codexmcp.agents.exec_launch import NOT_FOR_PEOPLE, VARIABLE, ExecLaunch
from codexmcp.agents.exec_launcher import main


def test_the_launch_survives_the_environment_variable() -> None:
    launch = ExecLaunch("/bin/codex", ['a="ü\\n"', "b=1"], replaces_sandbox=True, log="/log")
    assert ExecLaunch(**json.loads(launch.to_json())) == launch


def test_settings_come_after_the_subcommand_and_before_what_the_sdk_passes() -> None:
    launch = ExecLaunch("/bin/codex", ["a=1", "b=2"], replaces_sandbox=False, log="/log")
    assert launch.command_line(["exec", "--sandbox", "read-only", "-"]) == [
        *("/bin/codex", "exec", "-c", "a=1", "-c", "b=2", "--sandbox", "read-only", "-"),
    ]


def test_a_permissions_profile_takes_the_place_of_the_sandbox_mode() -> None:
    launch = ExecLaunch("/bin/codex", [], replaces_sandbox=True, log="/log")
    sdk = ["exec", "--model", "m", "--sandbox", "workspace-write", "resume", "--", "t-1", "-"]
    assert launch.command_line(sdk) == [
        *("/bin/codex", "exec", "--model", "m", "resume", "--", "t-1", "-"),
    ]
    assert launch.command_line(["exec", "-"]) == ["/bin/codex", "exec", "-"]


def test_started_by_hand_it_says_what_to_start_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert main() == 2
    assert capsys.readouterr() == ("", f"codexmcp-exec: {NOT_FOR_PEOPLE}\n")
