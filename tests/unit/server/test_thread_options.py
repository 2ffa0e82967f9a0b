from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.server.arguments import CodexArguments
from codexmcp.server.policy import Policy
from codexmcp.server.thread_options import resume_options, start_options

UNTRUSTED = {"trust_level": "untrusted"}


def options(
    effective: dict[str, Any] | None = None, policy: Policy | None = None, **asked: Any
) -> ThreadOptions:
    return start_options(CodexArguments("Hi.", **asked), policy or Policy(), effective or {})


def test_a_plain_call_starts_a_plain_thread() -> None:
    assert options() == ThreadOptions()


def test_the_compact_prompt_is_a_setting() -> None:
    assert options(compact_prompt="c", config={"a": 1}).config == {"a": 1, "compact_prompt": "c"}


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
    assert options(**given).config == asked.get("config", {})


def test_a_decided_project_keeps_its_trust(tmp_path: Path) -> None:
    known = {"projects": {str(tmp_path): {"trust_level": "trusted"}}}
    made = options(known, cwd=str(tmp_path), sandbox="workspace-write")
    assert (made.config, made.approval_policy) == ({}, None)


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
    policy = Policy(deny_read=("/secret",))
    made = options({}, policy, sandbox="workspace-write")
    assert made.permissions is not None
    profile = made.config["permissions"][made.permissions]
    assert profile["filesystem"]["/secret"] == "deny"
    assert "sandbox" not in made.to_wire()


def test_a_resumed_thread_keeps_its_own_settings() -> None:
    assert resume_options(Policy(), {"approval_policy": "never"}, {}) == ThreadOptions()


def test_what_is_fixed_holds_for_a_resumed_thread_too(tmp_path: Path) -> None:
    policy = Policy(sandbox="workspace-write", cwd=str(tmp_path), model="m")
    made = resume_options(policy, {}, {"sandbox": {"type": "dangerFullAccess"}})
    assert (made.sandbox, made.cwd, made.model) == ("workspace-write", str(tmp_path), "m")
    assert made.approval_policy is None


def test_a_resumed_thread_is_not_widened_to_what_is_fixed() -> None:
    made = resume_options(Policy(sandbox="workspace-write"), {}, {"sandbox": {"type": "readOnly"}})
    assert made.sandbox == "read-only"
    assert resume_options(Policy(model="m"), {}, {}).sandbox == "read-only"
