from __future__ import annotations

import pytest

from codexmcp.codex.permissions import RestrictedPaths, sandbox_profile

HIDDEN = ["/home/u/.codex/auth.json", "/w/.env"]


def test_a_read_only_profile_hides_the_files() -> None:
    assert sandbox_profile("read-only", "/w", RestrictedPaths(HIDDEN), {}) == {
        "extends": ":read-only",
        "filesystem": dict.fromkeys(HIDDEN, "deny"),
    }


def test_a_writable_profile_carries_the_users_settings_over() -> None:
    table = {"writable_roots": ["/data"], "exclude_slash_tmp": True, "network_access": True}
    assert sandbox_profile("workspace-write", "/w", RestrictedPaths(HIDDEN), table) == {
        "extends": ":workspace",
        "filesystem": {"/data": "write", ":slash_tmp": "read", **dict.fromkeys(HIDDEN, "deny")},
        "network": {"enabled": True},
    }


def test_a_read_only_profile_gets_neither_roots_nor_network() -> None:
    table = {"writable_roots": ["/data"], "network_access": True}
    profile = sandbox_profile("read-only", "/w", RestrictedPaths(HIDDEN), table)
    assert profile == {"extends": ":read-only", "filesystem": dict.fromkeys(HIDDEN, "deny")}


def test_a_file_that_is_both_writable_and_hidden_is_hidden() -> None:
    profile = sandbox_profile(
        "workspace-write", "/w", RestrictedPaths(["/data"]), {"writable_roots": ["/data"]}
    )
    assert profile is not None
    assert profile["filesystem"] == {"/data": "deny"}


@pytest.mark.parametrize(
    "table", [{"writable_roots": "/data"}, {"network_access": "yes"}, {"exclude_slash_tmp": 1}]
)
def test_a_setting_of_a_wrong_type_opens_nothing(table: dict[str, object]) -> None:
    profile = sandbox_profile("workspace-write", "/w", RestrictedPaths(["/x"]), table)
    assert profile == {"extends": ":workspace", "filesystem": {"/x": "deny"}}


def test_a_mode_without_a_sandbox_hides_nothing() -> None:
    assert sandbox_profile("danger-full-access", "/w", RestrictedPaths(HIDDEN), {}) is None


def test_nothing_to_hide_needs_no_profile() -> None:
    assert (
        sandbox_profile("workspace-write", "/w", RestrictedPaths([]), {"network_access": True})
        is None
    )


def fixed(*denied: str, **table: object) -> dict[str, str]:
    """Return the entries of a profile in /w that are not about the denied files themselves."""
    profile = sandbox_profile("workspace-write", "/w", RestrictedPaths(denied), table)
    assert profile is not None
    files: dict[str, str] = profile["filesystem"]
    return {name: access for name, access in files.items() if name not in denied}


@pytest.mark.parametrize(
    ("file", "entries"),
    [
        ("/w/.env", {}),
        ("/elsewhere/p/.env", {}),
        ("/w/p/.env", {"/w/p": "write"}),
        ("/w/p/q/.env", {"/w/p": "write", "/w/p/q": "write"}),
        ("/tmp/p/.env", {"/tmp/p": "write"}),
        ("/scratch/p/.env", {"/scratch/p": "write"}),
        # An entry that made such a folder writable would open what Codex protects.
        ("/w/.codex/auth.json", {"/w/.codex": "read"}),
        ("/w/.git/p/key", {"/w/.git": "read"}),
        ("/w/p/.hidden/q/key", {"/w/p": "write", "/w/p/.hidden": "read"}),
    ],
)
def test_no_folder_above_a_hidden_file_can_be_renamed(
    monkeypatch: pytest.MonkeyPatch, file: str, entries: dict[str, str]
) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    assert fixed(file) == entries


def test_no_folder_is_fixed_where_nothing_is_writable() -> None:
    closed = {"exclude_slash_tmp": True, "exclude_tmpdir_env_var": True}
    assert fixed("/tmp/p/.env", **closed) == {":slash_tmp": "read", ":tmpdir": "read"}
    assert fixed("/data/p/.env", writable_roots=["/data", 1]) == {
        "/data": "write",
        "/data/p": "write",
    }


def test_a_writable_folder_within_another_stays_as_writable_as_it_is() -> None:
    inner = fixed("/w/p/q/r/.env", writable_roots=["/w/p/q"])
    assert inner == {"/w/p/q": "write", "/w/p": "write", "/w/p/q/r": "write"}


@pytest.mark.parametrize(
    ("folder", "entries"),
    [
        ("/w/home", {"/w/home": "read"}),
        ("/w/a/home", {"/w/a": "write", "/w/a/home": "read"}),
        ("/tmp/home", {"/tmp/home": "read"}),
        # Codex protects it, nothing there is writable, or all of it is what shall be worked on.
        ("/w/.codex", None),
        ("/home/u/.codex", None),
        ("/w", None),
        ("/", None),
    ],
)
def test_a_protected_folder_is_not_writable_in_a_writable_one(
    folder: str, entries: dict[str, str] | None
) -> None:
    profile = sandbox_profile("workspace-write", "/w", RestrictedPaths(protected=[folder]), {})
    assert (profile and profile["filesystem"]) == entries
    assert sandbox_profile("read-only", "/w", RestrictedPaths(protected=[folder]), {}) is None


def test_a_git_folder_that_is_open_protects_no_file_in_it() -> None:
    git = {"/w/.git": "write", "/w/.git/hooks": "read"}
    for file, folder in (
        ("/w/.git/p/key", "/w/.git/p"),
        ("/w/.git/hooks/p/key", "/w/.git/hooks/p"),
    ):
        profile = sandbox_profile("workspace-write", "/w", RestrictedPaths([file]), {}, git)
        assert profile is not None
        assert profile["filesystem"] == {**git, folder: "write", file: "deny"}


def test_a_writable_profile_opens_a_git_folder_and_hides_files_all_the_same() -> None:
    git = {"/w/.git": "write", "/w/.git/hooks": "read", "/w/.env": "write"}
    profile = sandbox_profile("workspace-write", "/w", RestrictedPaths(["/w/.env"]), {}, git)
    assert profile == {"extends": ":workspace", "filesystem": {**git, "/w/.env": "deny"}}
    assert sandbox_profile("read-only", "/w", RestrictedPaths([]), {}, {}) is None
