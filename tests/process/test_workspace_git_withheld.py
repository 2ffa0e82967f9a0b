"""What the server does not serve gets into no repository by a commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.git_ground import GitGround
from tests.support.workspace_tools import fill

SECRET = "agt_secret"

both = pytest.mark.parametrize("allow_repository_code", [False, True])


@pytest.fixture
def ground(tmp_path: Path) -> GitGround:
    ground = GitGround(tmp_path)
    ground.withheld += [ground.repo / ".agentos", ground.repo / "sub/codex"]
    secrets = dict.fromkeys([".agentos/token", "sub/codex/auth.json"], SECRET)
    fill(ground.repo, {**secrets, "new.txt": "new\n", "sub/codex2": "new\n"})
    return ground


def _blobs(ground: GitGround) -> str:
    """Return the content of all files ever staged, those that nothing refers to included."""
    known = ground.git("cat-file", "--batch-all-objects", "--batch-check").splitlines()
    names = [line.split()[0] for line in known if " blob " in line]
    return "".join(ground.git("cat-file", "blob", name) for name in names)


@both
async def test_files_that_are_not_served_are_left_out_and_their_folders_told(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    answer = await ground.commit(allow_repository_code=allow_repository_code)

    assert [file["path"] for file in answer["files"]] == ["new.txt", "sub/codex2"]
    assert answer["notServedLeftOut"] == [".agentos", "sub/codex"]
    blobs = _blobs(ground)
    assert "first" in blobs
    assert SECRET not in blobs
    assert ground.git("status", "--porcelain") == "?? .agentos/\n?? sub/codex/\n"


@both
async def test_where_they_are_ignored_all_is_as_ever(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    fill(ground.repo, {".gitignore": ".agentos\nsub/codex\n"})

    answer = await ground.commit(allow_repository_code=allow_repository_code)

    assert answer["committed"] is True
    assert "notServedLeftOut" not in answer
    assert ground.git("status", "--porcelain") == ""


@both
async def test_changes_of_tracked_files_that_are_not_served_are_left_out(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    fill(ground.repo, {"sub/codex/config.toml": "old"})
    ground.git("add", "sub/codex/config.toml")
    ground.git("commit", "-q", "-m", "by hand")
    fill(ground.repo, {"sub/codex/config.toml": f'key = "{SECRET}"'})
    (ground.repo / "new.txt").unlink()
    (ground.repo / "sub/codex2").unlink()

    answer = await ground.commit(allow_repository_code=allow_repository_code)

    assert answer["committed"] is False
    assert answer["notServedLeftOut"] == [".agentos", "sub/codex"]
    blobs = _blobs(ground)
    assert "first" in blobs
    assert SECRET not in blobs


@both
async def test_what_somebody_else_has_staged_of_them_is_not_committed(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    ground.git("add", ".agentos/token")
    before = ground.git("rev-parse", "HEAD")

    with pytest.raises(WorkspaceError, match=r"holds changes of \.agentos, .* `git rm -r --cached"):
        await ground.commit(allow_repository_code=allow_repository_code)

    assert ground.git("rev-parse", "HEAD") == before
    ground.git("rm", "-q", "-r", "--cached", ".agentos")
    assert (await ground.commit(allow_repository_code=allow_repository_code))["committed"] is True


async def test_nothing_of_them_is_in_a_first_commit(ground: GitGround) -> None:
    fresh = ground.root / "fresh"
    ground.git("init", "-q", str(fresh))
    fill(fresh, {".agentos/token": SECRET, "a": "a"})
    ground.withheld.append(fresh / ".agentos")
    ground.git("add", "-A", cwd=fresh)

    with pytest.raises(WorkspaceError, match=r"holds changes of \.agentos"):
        await ground.commit("fresh")

    ground.git("rm", "-q", "-r", "--cached", ".agentos", cwd=fresh)
    answer = await ground.commit("fresh")
    assert answer["files"] == [{"path": "a", "change": "added"}]


async def test_that_they_are_no_longer_tracked_can_be_committed(ground: GitGround) -> None:
    ground.git("add", ".agentos/token")
    ground.git("commit", "-q", "-m", "by mistake")
    ground.git("rm", "-q", "-r", "--cached", ".agentos")

    answer = await ground.commit()

    assert {"path": ".agentos/token", "change": "deleted"} in answer["files"]
