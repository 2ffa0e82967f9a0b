from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.policy.arguments import CodexArguments
from codexmcp.policy.policy import Policy
from codexmcp.policy.thread_options import start_options

UNTRUSTED = {"trust_level": "untrusted"}
OFF = {"features.shell_snapshot": False, "features.goals": False}
HIDDEN = {"shell_environment_policy.exclude": ["RUST_LOG", "LOG_FORMAT"], **OFF}


def options(
    effective: dict[str, Any] | None = None, denied: Sequence[str] = (), **asked: Any
) -> ThreadOptions:
    return start_options(CodexArguments("Hi.", **asked), RestrictedPaths(denied), effective or {})


def test_a_plain_call_starts_a_plain_thread() -> None:
    assert options() == ThreadOptions(config=HIDDEN)


def test_the_compact_prompt_is_a_setting() -> None:
    made = options(compact_prompt="c", config={"a": 1})
    assert made.config == {"a": 1, "compact_prompt": "c", **HIDDEN}


@pytest.mark.parametrize(
    ("effective", "asked"),
    [
        ({}, {"sandbox": "workspace-write"}),
        ({}, {"sandbox": "read-only"}),
        ({"sandbox_mode": "workspace-write"}, {}),
        ({}, {"config": {"sandbox_mode": "workspace-write"}}),
    ],
)
def test_no_trust_is_recorded_where_codex_would(
    tmp_path: Path, effective: dict[str, Any], asked: dict[str, Any]
) -> None:
    made = options(effective, cwd=str(tmp_path), **asked)
    assert made.config["projects"][str(tmp_path)] == UNTRUSTED
    # An untrusted project would have another default.
    assert made.approval_policy == "on-request"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"sandbox": "workspace-write"},
        {"cwd": "<here>"},
        {"cwd": "<here>", "sandbox": "workspace-write", "config": {"projects": {}}},
        {"cwd": "<here>", "sandbox": "workspace-write", "config": {"projects.x.y": 1}},
    ],
)
def test_trust_is_left_alone_where_codex_records_none(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    cwd = str(tmp_path) if "cwd" in asked else None
    given = {**asked, "cwd": cwd}
    assert options(**given).config == {**asked.get("config", {}), **HIDDEN}


def test_a_decided_project_keeps_its_trust(tmp_path: Path) -> None:
    known = {"projects": {str(tmp_path): {"trust_level": "trusted"}}}
    made = options(known, cwd=str(tmp_path), sandbox="workspace-write")
    assert (made.config, made.approval_policy) == (HIDDEN, None)


@pytest.mark.parametrize(
    ("config", "hiding"),
    [
        ({}, {"shell_environment_policy.exclude": ["MINE", "RUST_LOG", "LOG_FORMAT"]}),
        (
            {"shell_environment_policy.exclude": ["LOG_FORMAT"]},
            {"shell_environment_policy.exclude": ["LOG_FORMAT", "RUST_LOG"]},
        ),
        (
            {"shell_environment_policy": {"inherit": "core"}},
            {
                "shell_environment_policy": {
                    "inherit": "core",
                    "exclude": ["MINE", "RUST_LOG", "LOG_FORMAT"],
                }
            },
        ),
        (
            {"shell_environment_policy": {"inherit": "none"}},
            {"shell_environment_policy": {"inherit": "none"}},
        ),
    ],
)
def test_commands_do_not_see_what_tells_codex_to_log(
    config: dict[str, Any], hiding: dict[str, Any]
) -> None:
    configured = {"shell_environment_policy": {"exclude": ["MINE"]}}
    assert options(configured, config=config).config == {**hiding, **OFF}


@pytest.mark.parametrize(
    ("effective", "asked", "policy"),
    [
        ({"approval_policy": "never"}, {}, None),
        ({}, {"config": {"approval_policy": "never"}}, None),
        ({"approval_policy": "never"}, {"approval_policy": "on-request"}, "on-request"),
    ],
)
def test_an_approval_policy_that_is_set_somewhere_stays(
    tmp_path: Path, effective: dict[str, Any], asked: dict[str, Any], policy: str | None
) -> None:
    made = options(effective, cwd=str(tmp_path), sandbox="workspace-write", **asked)
    assert made.approval_policy == policy


def test_hidden_files_make_a_permissions_profile() -> None:
    made = options({}, ["/secret"], sandbox="workspace-write")
    assert made.permissions is not None
    profile = made.config["permissions"][made.permissions]
    assert profile["filesystem"]["/secret"] == "deny"
    assert "sandbox" not in made.to_wire()


@pytest.mark.parametrize(
    "config",
    [
        {"sandbox_workspace_write": {"network_access": True, "writable_roots": ["/more"]}},
        {
            "sandbox_workspace_write.network_access": True,
            "sandbox_workspace_write.writable_roots": ["/more"],
        },
    ],
)
def test_what_a_call_may_write_stays_when_files_are_hidden(config: dict[str, Any]) -> None:
    made = options({}, ["/secret"], sandbox="workspace-write", config=config)
    profile = made.config["permissions"]["codexmcp"]
    assert profile["filesystem"]["/more"] == "write"
    assert profile["network"] == {"enabled": True}


@pytest.mark.parametrize(
    ("policy", "below", "distrusts"),
    [
        (None, "", False),
        (Policy(sandbox="workspace-write", cwd="/w"), "", False),
        (Policy(sandbox="workspace-write", cwd="/w"), "/sub", True),
        (Policy(sandbox="workspace-write"), "", True),
        (Policy(deny_read=("/secret",)), "", True),
        (Policy(deny_read=("/secret",), cwd="/w"), "", False),
        # Nothing was written, or everything was allowed.
        (Policy(sandbox="read-only", cwd="/w"), "/sub", False),
        (Policy(sandbox="danger-full-access", cwd="/w"), "/sub", False),
        (Policy(model="m"), "/sub", False),
    ],
)
def test_a_project_is_not_trusted_where_commands_may_have_written_its_settings(
    policy: Policy | None,
    below: str,
    distrusts: bool,  # noqa: FBT001
) -> None:
    call = CodexArguments("Hi.", sandbox="read-only", cwd=f"/w{below}")
    effective = {
        "projects": {"/w": {"trust_level": "trusted"}, "/w/sub": {"trust_level": "trusted"}}
    }
    made = start_options(call, RestrictedPaths(), effective, policy=policy)
    trust = made.config.get("projects", {}).get(f"/w{below}")
    assert trust == ({"trust_level": "untrusted"} if distrusts else None)
