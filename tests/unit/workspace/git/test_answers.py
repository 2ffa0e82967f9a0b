from __future__ import annotations

import pytest

from codexmcp.workspace.commands import CommandResult
from codexmcp.workspace.git.answers import (
    added_nested,
    changed_files,
    filters_of,
    pushed,
    staged,
)
from codexmcp.workspace.git.errors import failure, without_passwords


def test_a_push_is_told_line_by_line() -> None:
    told = pushed(
        "To https://me:word@example.org/x.git\n"
        " \trefs/heads/a:refs/heads/a\t1..2\n"
        "*\trefs/heads/b:refs/heads/c\t[new branch]\n"
        "!\trefs/heads/d:refs/heads/d\t[rejected] (fetch first)\n"
        "branch 'a' set up to track 'origin/a'.\n"
        "Done\n"
    )

    assert told["remote"] == "https://example.org/x.git"
    assert [(item["to"], item["result"]) for item in told["updates"]] == [
        ("refs/heads/a", "pushed"),
        ("refs/heads/c", "new"),
        ("refs/heads/d", "rejected"),
    ]


def test_names_with_spaces_tabs_and_line_ends_are_kept() -> None:
    assert staged(b"100644 abc 0\ta\tb\n c\x00160000 def 0\tlib\0") == {
        "a\tb\n c": "100644",
        "lib": "160000",
    }
    assert changed_files(b"M\0a\nb\0D\0c d\0") == [
        {"path": "a\nb", "change": "modified"},
        {"path": "c d", "change": "deleted"},
    ]


def test_nested_repositories_and_filters_are_told_apart() -> None:
    assert added_nested(["a", "lib/", "b/c"]) == (["a", "b/c"], ["lib/"])
    listed = b"a\0filter\0unspecified\0b\0filter\0lfs\0c\0filter\0unset\0"
    assert list(filters_of(listed)) == [("b", "lfs")]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("fatal: Unable to create '/r/.git/index.lock': File exists.", "remove /r/.git/index.lock"),
        ("*** Please tell me who you are.", "user.name and user.email"),
        ("error: gpg failed to sign the data", "unlock the key"),
        ("fatal: The current branch x has no upstream branch.", "set_upstream true"),
        ("fatal: transport 'ext' not allowed", "remotes by ext are refused"),
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "helper"),
        ("git@x: Permission denied (publickey).", "agent"),
        ("fatal: unable to access: Could not resolve host: x", "network"),
        ("!\ta:a\t[rejected] (non-fast-forward)", "fetch and merge"),
        ("!\ta:a\t[remote rejected] (pre-receive hook declined)", "by a rule of its own"),
        ("error: No space left on device", "free some space"),
        ("fatal: something new", "fix it by hand"),
    ],
)
def test_a_failure_says_what_git_said_and_what_to_do(said: str, advice: str) -> None:
    error = failure("push", "repo", CommandResult(1, b"", said, is_cut=False))

    assert said in str(error)
    assert advice in str(error).removeprefix(said)
    assert "`git push` in repo failed (exit code 1)" in str(error)


def test_a_failure_shows_no_password_and_is_short() -> None:
    error = failure(
        "push", "r", CommandResult(-9, b"x" * 100_000, "https://me:word@host/ no", is_cut=False)
    )

    assert "signal 9" in str(error)
    assert "word" not in str(error)
    assert len(str(error)) < 2000
    assert without_passwords("to https://token@host/a@b") == "to https://host/a@b"
