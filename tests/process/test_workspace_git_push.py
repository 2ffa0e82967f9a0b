"""Pushing with the real git, from repositories that mean well."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.git_ground import GitGround


def _remote_by_ssh(ground: GitGround) -> Path:
    bare = ground.bare(ground.outside / "remote.git")
    ground.git("remote", "add", "origin", f"ssh://user:word@host{bare}")
    return bare


async def test_a_branch_is_pushed_with_its_upstream_and_then_without(ground: GitGround) -> None:
    log = ground.ssh()
    bare = _remote_by_ssh(ground)
    with pytest.raises(WorkspaceError, match="call again with set_upstream true"):
        await ground.push()

    first = await ground.push(set_upstream=True)
    again = await ground.push()
    (ground.repo / "new").write_text("new")
    await ground.commit()
    more = await ground.push()

    told = {"from": "refs/heads/main", "to": "refs/heads/main"}
    assert first["pushed"] is True
    assert first["remote"] == f"ssh://host{bare}"
    assert first["updates"] == [{**told, "result": "new", "summary": "[new branch]"}]
    assert (again["pushed"], again["updates"][0]["result"]) == (False, "up to date")
    assert (more["pushed"], more["updates"][0]["result"]) == (True, "pushed")
    assert ground.git("rev-parse", "HEAD") == ground.git("rev-parse", "main", cwd=bare)
    assert ground.git("rev-parse", "HEAD") == ground.git("rev-parse", "origin/main")
    assert ground.git("config", "branch.main.merge") == "refs/heads/main\n"
    assert all("BatchMode=yes" in line for line in log.read_text().splitlines())


async def test_a_push_that_would_lose_commits_is_refused(ground: GitGround) -> None:
    ground.ssh()
    bare = _remote_by_ssh(ground)
    await ground.push(set_upstream=True)
    twin = ground.root / "twin"
    ground.git("clone", "-q", str(bare), str(twin))
    (twin / "theirs").write_text("theirs")
    ground.git("add", "-A", cwd=twin)
    ground.git("commit", "-q", "-m", "theirs", cwd=twin)
    ground.git("push", "-q", cwd=twin)
    (ground.repo / "ours").write_text("ours")
    await ground.commit()

    with pytest.raises(WorkspaceError, match="commits that are missing here") as caught:
        await ground.push()

    assert "word" not in str(caught.value)
    assert ground.git("log", "-1", "--format=%s", "main", cwd=bare) == "theirs\n"


async def test_a_push_without_remote_or_branch_says_so(ground: GitGround) -> None:
    with pytest.raises(WorkspaceError, match="no such remote repository"):
        await ground.push()
    with pytest.raises(WorkspaceError, match="has no remote"):
        await ground.push(set_upstream=True)
    ground.git("remote", "add", "origin", "https://127.0.0.1:9/x")
    ground.git("checkout", "-q", "--detach")
    with pytest.raises(WorkspaceError, match="no branch is checked out"):
        await ground.push()


async def test_nobody_is_asked_for_a_password(ground: GitGround, locked_host: str) -> None:
    ground.git("remote", "add", "origin", locked_host)
    env = {**ground.env, "SSH_ASKPASS": str(ground.canary), "GIT_ASKPASS": str(ground.canary)}

    with pytest.raises(WorkspaceError, match="nobody is asked for a password here"):
        await ground.push(set_upstream=True, env=env)

    assert not ground.has_fired()


async def test_the_owners_credential_helper_is_asked(ground: GitGround, locked_host: str) -> None:
    ground.git("remote", "add", "origin", locked_host)
    ground.git("config", "--global", "credential.helper", str(ground.canary))

    with pytest.raises(WorkspaceError, match="nobody is asked for a password here"):
        await ground.push(set_upstream=True)

    assert ground.has_fired()
