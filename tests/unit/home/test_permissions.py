from __future__ import annotations

import pytest

from codexmcp.home.permissions import can_be_moved, deny_profile

HIDDEN = ["/home/u/.codex/auth.json", "/w/.env"]


def test_a_read_only_profile_hides_the_files() -> None:
    assert deny_profile("read-only", HIDDEN, {}) == {
        "extends": ":read-only",
        "filesystem": dict.fromkeys(HIDDEN, "deny"),
    }


def test_a_writable_profile_carries_the_users_settings_over() -> None:
    table = {"writable_roots": ["/data"], "exclude_slash_tmp": True, "network_access": True}
    assert deny_profile("workspace-write", HIDDEN, table) == {
        "extends": ":workspace",
        "filesystem": {"/data": "write", ":slash_tmp": "read", **dict.fromkeys(HIDDEN, "deny")},
        "network": {"enabled": True},
    }


def test_a_read_only_profile_gets_neither_roots_nor_network() -> None:
    table = {"writable_roots": ["/data"], "network_access": True}
    profile = deny_profile("read-only", HIDDEN, table)
    assert profile == {"extends": ":read-only", "filesystem": dict.fromkeys(HIDDEN, "deny")}


def test_a_file_that_is_both_writable_and_hidden_is_hidden() -> None:
    profile = deny_profile("workspace-write", ["/data"], {"writable_roots": ["/data"]})
    assert profile is not None
    assert profile["filesystem"] == {"/data": "deny"}


@pytest.mark.parametrize(
    "table", [{"writable_roots": "/data"}, {"network_access": "yes"}, {"exclude_slash_tmp": 1}]
)
def test_a_setting_of_a_wrong_type_opens_nothing(table: dict[str, object]) -> None:
    profile = deny_profile("workspace-write", ["/x"], table)
    assert profile == {"extends": ":workspace", "filesystem": {"/x": "deny"}}


def test_a_mode_without_a_sandbox_hides_nothing() -> None:
    assert deny_profile("danger-full-access", HIDDEN, {}) is None


def test_nothing_to_hide_needs_no_profile() -> None:
    assert deny_profile("workspace-write", [], {"network_access": True}) is None


def test_a_temporary_folder_is_closed_when_a_hidden_file_lies_in_a_folder_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    profile = deny_profile("workspace-write", ["/tmp/project/.env"], {})
    assert profile is not None
    assert profile["filesystem"] == {":slash_tmp": "read", "/tmp/project/.env": "deny"}
    profile = deny_profile("workspace-write", ["/scratch/p/.env"], {"exclude_slash_tmp": True})
    assert profile is not None
    assert {":slash_tmp", ":tmpdir"} <= set(profile["filesystem"])


@pytest.mark.parametrize(
    ("file", "moved"),
    [
        ("/w/.env", False),
        ("/w/p/.env", True),
        ("/w/.codex/auth.json", False),
        ("/w/p/.codex/auth.json", True),
        ("/elsewhere/p/.env", False),
    ],
)
def test_a_file_can_be_moved_by_renaming_a_folder_above_it(file: str, moved: bool) -> None:  # noqa: FBT001
    assert can_be_moved(file, "/w") is moved
