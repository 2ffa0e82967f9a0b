from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.policy.arguments import ArgumentsError
from codexmcp.policy.caller import Caller
from codexmcp.run_settings import RunSettings
from codexmcp.runs.requests import request_of
from codexmcp.runs.run import Origin, RunRequest
from codexmcp.runs.start_options import StartOptions
from tests.support.callers import fixed


@pytest.fixture
def caller(tmp_path: Path) -> Caller:
    return Caller(home=tmp_path / "home", base_dir=tmp_path, env={"PATH": "/bin"})


def origin(cwd: str, **thread: Any) -> Origin:
    return Origin("run-1", "thread-1", cwd, RunRequest("p", cwd, cwd, thread=thread))


def test_a_run_is_sandboxed_and_asks_nobody_unless_told_otherwise(caller: Caller) -> None:
    request = request_of(StartOptions("do"), caller)
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
    assert request_of(StartOptions("do", **given), caller).thread["sandbox"] == sandbox


def test_full_access_can_be_made_the_default_on_purpose(caller: Caller) -> None:
    yolo = fixed(caller, RunSettings(permissions="yolo"))
    assert request_of(StartOptions("do"), yolo).thread["sandbox"] == "danger-full-access"


@pytest.mark.parametrize(
    ("given", "policy", "model"),
    [
        ({}, {}, "m"),
        ({"model": "other"}, {}, "other"),
        ({"profile": "p"}, {}, None),
        ({}, {"profile": "p"}, None),
        ({}, {"model": "fixed"}, "fixed"),
    ],
)
def test_the_model_of_the_environment_holds_unless_another_is_named(
    caller: Caller, given: dict[str, Any], policy: dict[str, Any], model: str | None
) -> None:
    caller.home.mkdir()
    (caller.home / "p.config.toml").touch()
    named = fixed(caller, RunSettings(model="m"), **policy)
    asked = request_of(StartOptions("do", **given), named)
    assert asked.thread.get("model") == model


def test_commands_cannot_read_where_the_caller_has_its_secrets(
    caller: Caller, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("sk-key")
    (tmp_path / "link").symlink_to(key)
    settings = RunSettings(withheld=(tmp_path / "link", key, tmp_path / "missing"))
    asked = request_of(StartOptions("do"), fixed(caller, settings, deny_read=("/secret",)))
    assert asked.denied == ("/secret", str(key))


def test_a_profile_of_permissions_takes_the_place_of_a_sandbox(caller: Caller) -> None:
    thread = request_of(StartOptions("do", permissions="mine"), caller).thread
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
        request_of(StartOptions("do", **given), tight)


def test_a_wide_default_is_cut_to_the_policy(caller: Caller) -> None:
    tight = fixed(caller, RunSettings(permissions="yolo"), sandbox="read-only")
    assert request_of(StartOptions("do"), tight).thread["sandbox"] == "read-only"


def test_a_resumed_run_keeps_its_settings_within_the_policy(caller: Caller) -> None:
    wide = origin(
        str(caller.base_dir),
        sandbox="danger-full-access",
        approvalPolicy="on-request",
        model="m",
        config={"mcp_servers": {"x": {"command": "evil"}}},
    )
    kept = request_of(StartOptions("more"), caller, wide)
    assert kept.thread == {
        "sandbox": "danger-full-access",
        "approvalPolicy": "on-request",
        "model": "m",
        "config": {"mcp_servers": {"x": {"command": "evil"}}},
    }
    tight = fixed(caller, sandbox="workspace-write", approval_policy="never")
    cut = request_of(StartOptions("more"), tight, wide)
    assert cut.thread == {
        "sandbox": "workspace-write",
        "approvalPolicy": "never",
        "model": "m",
        "distrusts": True,
    }


def test_a_fork_names_the_thread_that_it_copies(caller: Caller) -> None:
    request = request_of(StartOptions("do"), caller, origin(str(caller.base_dir)), forks=True)
    assert (request.continues, request.forks) == ("run-1", "thread-1")


def test_a_folder_that_is_none_is_named(caller: Caller) -> None:
    with pytest.raises(ArgumentsError, match=r"missing` is not a folder"):
        request_of(StartOptions("p", cwd="missing"), caller)


def test_zero_means_no_bound(caller: Caller) -> None:
    assert request_of(StartOptions("p", timeout_s=0.0), caller).timeout_s is None


def test_a_folder_whose_name_is_too_long_is_refused_by_name(caller: Caller) -> None:
    with pytest.raises(ArgumentsError, match="is not a folder"):
        request_of(StartOptions("p", cwd="x" * 5000), caller)
