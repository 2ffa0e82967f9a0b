"""Files that look like secrets are not committed, unless the owner of the server has named them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codexmcp.errors import WorkspaceError
from codexmcp.runs.audit.secret_shapes import KEY_SHAPES
from tests.support.git_ground import GitGround
from tests.support.workspace_tools import fill

KEY = "sk-abcdefghijklmnop1234"

both = pytest.mark.parametrize("allow_repository_code", [False, True])


@pytest.fixture
def ground(tmp_path: Path) -> GitGround:
    return GitGround(tmp_path)


async def _commit(ground: GitGround, **policy: Any) -> Any:
    return await ground.commit(secret_shapes=KEY_SHAPES, **policy)


@both
@pytest.mark.parametrize(
    "files",
    [
        {".env": "A=1"},
        {"deploy/id_ed25519": "key"},
        {"src/config.py": f'key = "{KEY}"'},
        {"first.txt": f"changed {KEY}"},
    ],
    ids=["a name", "a name below", "a new file", "a changed file"],
)
async def test_a_file_that_looks_like_a_secret_is_named_and_nothing_is_staged(
    ground: GitGround, files: dict[str, str], *, allow_repository_code: bool
) -> None:
    fill(ground.repo, {"good.txt": "good", **files})
    with pytest.raises(WorkspaceError) as refused:
        await _commit(ground, allow_repository_code=allow_repository_code)
    assert f"look like secrets: {next(iter(files))};" in str(refused.value)
    assert KEY not in str(refused.value)
    assert ground.git("diff", "--cached", "--name-only") == ""


@both
async def test_a_message_or_a_name_that_holds_a_secret_is_refused(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    policy = {"allow_repository_code": allow_repository_code}
    fill(ground.repo, {"good.txt": "good"})
    with pytest.raises(WorkspaceError, match="message holds what looks like a secret") as refused:
        await _commit(ground, message=f"Use {KEY}", **policy)
    assert KEY not in str(refused.value)
    fill(ground.repo, {f"{KEY}.txt": "good"})
    with pytest.raises(WorkspaceError, match="look like secrets"):
        await _commit(ground, **policy)
    assert ground.git("diff", "--cached", "--name-only") == ""


async def test_a_key_in_utf16_looks_like_a_secret(ground: GitGround) -> None:
    for name in ("utf-16", "utf-16-le", "utf-16-be"):
        (ground.repo / name).write_bytes(f"key {KEY}".encode(name))
    with pytest.raises(WorkspaceError, match="secrets: utf-16, utf-16-be, utf-16-le;"):
        await _commit(ground)


async def test_one_that_somebody_has_staged_is_not_committed(ground: GitGround) -> None:
    fill(ground.repo, {".env": "A=1"})
    ground.git("add", ".env")
    with pytest.raises(WorkspaceError, match=r"look like secrets: \.env;"):
        await _commit(ground)


async def test_what_is_ignored_or_was_committed_before_is_no_matter(ground: GitGround) -> None:
    fill(ground.repo, {"keys/a.pem": KEY, ".gitignore": ".env\n"})
    fill(ground.repo, {".netrc": "old"})
    ground.git("add", "-A")
    ground.git("commit", "-q", "-m", "by hand")
    (ground.repo / ".netrc").unlink()
    fill(ground.repo, {".env": "A=1", "good.txt": "good", ".env.example": "A=\n"})
    (ground.repo / "keys/a.pem").unlink()
    answer = await _commit(ground)
    paths = {file["path"] for file in answer["files"]}
    assert paths == {"good.txt", ".env.example", "keys/a.pem", ".netrc"}


async def test_the_owner_of_the_server_may_name_files_that_are_none(ground: GitGround) -> None:
    allowed = ["tests/*.pem", ".env.test"]
    fill(ground.repo, {"tests/a.pem": KEY, ".env.test": "A=1"})
    assert (await _commit(ground, allowed_secrets=allowed))["committed"] is True
    fill(ground.repo, {"src/a.pem": KEY})
    with pytest.raises(WorkspaceError, match=r"look like secrets: src/a\.pem;"):
        await _commit(ground, allowed_secrets=allowed)
