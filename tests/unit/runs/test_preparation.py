from __future__ import annotations

from typing import Any

from codexmcp.runs.preparation import thread_options
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import RunState


def run_with(config: dict[str, Any]) -> Run:
    request = RunRequest(
        prompt="p", cwd="/w", audit_dir="/w", env={"PATH": "/bin"}, thread={"config": config}
    )
    return Run("id", 1, request, RunState.STARTING, "group", "/w", 0, 1.0)


def test_no_login_shell_is_run_for_a_thread_that_does_not_use_one() -> None:
    config = thread_options(run_with({}), [], {}).config
    assert config["allow_login_shell"] is False
    assert config["features"] == {"shell_snapshot": False}


def test_other_features_of_a_profile_stay_as_they_are() -> None:
    asked = {"features": {"goals": False, "shell_snapshot": True}, "model": "m"}
    config = thread_options(run_with(asked), [], {}).config
    assert config["features"] == {"goals": False, "shell_snapshot": False}
    assert config["model"] == "m"
