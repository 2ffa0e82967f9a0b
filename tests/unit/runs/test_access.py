from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import RunRefusedError
from codexmcp.policy.arguments import ArgumentsError
from codexmcp.policy.caller import Caller
from codexmcp.runs.access import check_origin, check_run
from codexmcp.runs.requests import request_of
from codexmcp.runs.run import Origin, Run, RunRequest
from codexmcp.runs.start_options import StartOptions
from codexmcp.runs.states import RunState
from tests.support.callers import fixed


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(home=tmp_path / "home", base_dir=tmp_path, env={"PATH": "/bin"})


def origin(cwd: str, **thread: Any) -> Origin:
    return Origin("run-1", "thread-1", cwd, RunRequest("p", cwd, cwd, thread=thread))


def test_a_run_from_outside_of_the_fixed_folder_is_refused(caller: Caller) -> None:
    tight = fixed(caller, cwd=str(caller.base_dir))
    with pytest.raises(ArgumentsError, match="outside of --cwd"):
        check_origin(origin("/"), tight)


@pytest.mark.parametrize(
    ("policy", "thread"),
    [
        ({"sandbox": "workspace-write"}, {"sandbox": "danger-full-access"}),
        ({"sandbox": "workspace-write"}, {"permissions": "mine"}),
        ({"approval_policy": "never"}, {"sandbox": "read-only", "approvalPolicy": "on-request"}),
        ({"cwd": "/elsewhere"}, {"sandbox": "read-only"}),
        ({"deny_read": ("/secret",)}, {"sandbox": "read-only"}),
        ({"model": "the-one"}, {"sandbox": "read-only", "model": "another"}),
        ({"sandbox": "read-only"}, {"sandbox": "read-only", "config": {"mcp_servers": {}, "a": 1}}),
    ],
)
def test_a_run_that_is_wider_than_the_policy_can_be_neither_read_nor_steered(
    caller: Caller, policy: dict[str, Any], thread: dict[str, Any]
) -> None:
    request = RunRequest("p", str(caller.base_dir), "", thread=thread)
    run = Run("run-1", 1, request, RunState.RUNNING, "g", "k", 0, 0.0)
    check_run(run, caller)
    with pytest.raises(RunRefusedError, match="run run-1 is refused"):
        check_run(run, fixed(caller, **policy))


@pytest.mark.parametrize(
    "policy",
    [
        {"sandbox": "read-only", "approval_policy": "never"},
        {"deny_read": ("/secret",)},
        {"model": "the-one"},
    ],
)
def test_a_client_reaches_the_runs_that_its_own_policy_made(
    caller: Caller, policy: dict[str, Any]
) -> None:
    bound = fixed(caller, **policy)
    request = request_of(StartOptions("do"), bound)
    check_run(Run("run-1", 1, request, RunState.RUNNING, "g", "k", 0, 0.0), bound)
    check_origin(Origin("run-1", "thread-1", request.cwd, request), bound)


def test_a_run_of_full_access_is_out_of_reach_for_whom_a_file_is_hidden(caller: Caller) -> None:
    thread = {"sandbox": "danger-full-access"}
    request = RunRequest("p", str(caller.base_dir), "", thread=thread, denied=("/secret",))
    run = Run("run-1", 1, request, RunState.RUNNING, "g", "k", 0, 0.0)
    with pytest.raises(RunRefusedError, match="run run-1 is refused"):
        check_run(run, fixed(caller, deny_read=("/secret",)))


def test_a_wider_run_can_not_be_continued_either(caller: Caller) -> None:
    wide = origin(str(caller.base_dir), sandbox="danger-full-access")
    with pytest.raises(RunRefusedError, match="run run-1 is refused"):
        check_origin(wide, fixed(caller, sandbox="read-only"))
