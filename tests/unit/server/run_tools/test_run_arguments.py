from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.run_settings import RunSettings
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.service import Origin
from codexmcp.runs.states import RunState
from codexmcp.server.arguments import ArgumentsError
from codexmcp.server.policy import Policy
from codexmcp.server.run_tools.arguments import (
    Caller,
    check,
    check_origin,
    check_run,
    order_of,
    request_of,
)


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(home=tmp_path / "home", base_dir=tmp_path, env={"PATH": "/bin"})


def fixed(caller: Caller, settings: RunSettings | None = None, **policy: Any) -> Caller:
    return Caller(
        home=caller.home,
        base_dir=caller.base_dir,
        policy=Policy(**policy),
        settings=settings or caller.settings,
    )


def origin(cwd: str, **thread: Any) -> Origin:
    return Origin("run-1", "thread-1", cwd, RunRequest("p", cwd, cwd, thread=thread))


def test_a_run_is_sandboxed_and_asks_nobody_unless_told_otherwise(caller: Caller) -> None:
    request = request_of({"prompt": "do"}, caller)
    assert request.thread == {"sandbox": "workspace-write", "approvalPolicy": "never"}
    assert request.cwd == str(caller.base_dir)
    assert request.audit_dir == f"{caller.base_dir}/.codex/codex-mcp/runs"
    assert (request.timeout_s, request.env) == (1800.0, {"PATH": "/bin"})


@pytest.mark.parametrize(
    ("given", "sandbox"),
    [
        ({"permissions": "yolo"}, "danger-full-access"),
        ({"permissions": ":danger-full-access"}, "danger-full-access"),
        ({"permissions": "read-only"}, "read-only"),
        ({"permissions": "yolo", "sandbox": "read-only"}, "read-only"),
    ],
)
def test_permissions_name_a_sandbox_and_an_explicit_sandbox_wins(
    caller: Caller, given: dict[str, Any], sandbox: str
) -> None:
    assert request_of({"prompt": "do", **given}, caller).thread["sandbox"] == sandbox


def test_full_access_can_be_made_the_default_on_purpose(caller: Caller) -> None:
    yolo = fixed(caller, RunSettings(permissions="yolo"))
    assert request_of({"prompt": "do"}, yolo).thread["sandbox"] == "danger-full-access"


def test_a_profile_of_permissions_takes_the_place_of_a_sandbox(caller: Caller) -> None:
    thread = request_of({"prompt": "do", "permissions": "mine"}, caller).thread
    assert thread == {"permissions": "mine", "approvalPolicy": "never"}


@pytest.mark.parametrize(
    "given",
    [
        {"sandbox": "danger-full-access"},
        {"permissions": "yolo"},
        {"approval_policy": "on-request"},
        {"cwd": "/"},
        {"model": "other"},
        {"permissions": "mine"},
        {"profile": "mine"},
    ],
)
def test_what_the_policy_fixes_no_argument_widens(caller: Caller, given: dict[str, Any]) -> None:
    tight = fixed(
        caller,
        sandbox="workspace-write",
        approval_policy="never",
        cwd=str(caller.base_dir),
        model="the-one",
    )
    with pytest.raises(ArgumentsError, match="is refused"):
        request_of({"prompt": "do", **given}, tight)


def test_a_wide_default_is_cut_to_the_policy(caller: Caller) -> None:
    tight = fixed(caller, RunSettings(permissions="yolo"), sandbox="read-only")
    assert request_of({"prompt": "do"}, tight).thread["sandbox"] == "read-only"


def test_a_resumed_run_keeps_its_settings_within_the_policy(caller: Caller) -> None:
    wide = origin(
        str(caller.base_dir),
        sandbox="danger-full-access",
        approvalPolicy="on-request",
        model="m",
        config={"mcp_servers": {"x": {"command": "evil"}}},
    )
    kept = request_of({"prompt": "more", "run_id": "run-1"}, caller, wide)
    assert kept.thread == {
        "sandbox": "danger-full-access",
        "approvalPolicy": "on-request",
        "model": "m",
        "config": {"mcp_servers": {"x": {"command": "evil"}}},
    }
    tight = fixed(caller, sandbox="workspace-write", approval_policy="never")
    cut = request_of({"prompt": "more", "run_id": "run-1"}, tight, wide)
    assert cut.thread == {"sandbox": "workspace-write", "approvalPolicy": "never", "model": "m"}


def test_a_fork_names_the_thread_that_it_copies(caller: Caller) -> None:
    request = request_of({"prompt": "p"}, caller, origin(str(caller.base_dir)), forks=True)
    assert (request.continues, request.forks) == ("run-1", "thread-1")


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
    with pytest.raises(ArgumentsError, match="run run-1 is refused"):
        check_run(run, fixed(caller, **policy))


@pytest.mark.parametrize(
    ("name", "given", "fault"),
    [
        ("codex_run", {}, "'prompt' is a required property"),
        ("codex_run", {"prompt": ""}, "prompt: "),
        ("codex_run", {"prompt": "p", "colour": 1}, "'colour' was unexpected"),
        ("codex_run", {"prompt": "p", "sandbox": "full"}, "sandbox: 'full' is not one of"),
        ("codex_run", {"prompt": "p", "timeout_ms": -1}, "timeout_ms: -1 is less than"),
        ("codex_run", {"prompt": "p", "async": "no"}, "async: 'no' is not of type 'boolean'"),
        ("codex_wait", {"run_ids": [1]}, "run_ids.0: 1 is not of type 'string'"),
        ("codex_runs", {"limit": 0}, "limit: 0 is less than"),
        ("codex_approve", {"approval_id": "a", "decision": "ok"}, "decision: 'ok' is not one of"),
    ],
)
def test_arguments_that_do_not_fit_are_named(name: str, given: object, fault: str) -> None:
    with pytest.raises(ArgumentsError, match=f"^{name}: ") as raised:
        check(name, given)
    assert fault in str(raised.value)


def test_a_folder_that_is_none_is_named(caller: Caller) -> None:
    with pytest.raises(ArgumentsError, match=r"missing` is no folder"):
        request_of({"prompt": "p", "cwd": "missing"}, caller)


def test_zero_means_no_bound(caller: Caller) -> None:
    assert request_of({"prompt": "p", "timeout_ms": 0}, caller).timeout_s is None


def test_an_order_has_seconds() -> None:
    order = order_of({"delay_ms": 1500, "priority": 3, "idempotency_key": "k"})
    assert (order.delay_s, order.priority, order.idempotency_key) == (1.5, 3, "k")


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
    request = request_of({"prompt": "p"}, bound)
    check_run(Run("run-1", 1, request, RunState.RUNNING, "g", "k", 0, 0.0), bound)
    check_origin(Origin("run-1", "thread-1", request.cwd, request), bound)


def test_a_run_of_full_access_is_out_of_reach_for_whom_a_file_is_hidden(caller: Caller) -> None:
    thread = {"sandbox": "danger-full-access"}
    request = RunRequest("p", str(caller.base_dir), "", thread=thread, denied=("/secret",))
    run = Run("run-1", 1, request, RunState.RUNNING, "g", "k", 0, 0.0)
    with pytest.raises(ArgumentsError, match="run run-1 is refused"):
        check_run(run, fixed(caller, deny_read=("/secret",)))


def test_a_wider_run_can_not_be_continued_either(caller: Caller) -> None:
    wide = origin(str(caller.base_dir), sandbox="danger-full-access")
    with pytest.raises(ArgumentsError, match="run run-1 is refused"):
        check_origin(wide, fixed(caller, sandbox="read-only"))


@pytest.mark.parametrize(
    "given",
    [
        {"prompt": "half \ud800"},
        {"model": "\ud800"},
        {"timeout_ms": 10**400},
        {"delay_ms": 2**40},
        {"priority": -(2**63)},
    ],
)
def test_what_no_store_and_no_codex_can_take_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ArgumentsError, match=r"^codex_run: "):
        check("codex_run", {"prompt": "p", **given})


def test_a_folder_whose_name_is_too_long_is_refused_by_name(caller: Caller) -> None:
    with pytest.raises(ArgumentsError, match="is no folder"):
        request_of({"prompt": "p", "cwd": "x" * 5000}, caller)
