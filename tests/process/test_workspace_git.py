"""Committing and pushing with the real git, in repositories that mean well."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.config import Setting, parse, render
from tests.support.git_ground import GitGround
from tests.support.processes import processes_of, until


async def test_all_changes_are_committed_and_told(ground: GitGround) -> None:
    (ground.repo / "first.txt").write_text("changed\n")
    (ground.repo / "sub").mkdir()
    (ground.repo / "sub" / "ä b.txt").write_text("new\n")

    answer = await ground.commit(message='Say "hello"\n\nand more')

    assert answer == {
        "committed": True,
        "branch": "main",
        "commit": ground.git("rev-parse", "HEAD").strip(),
        "files": [
            {"path": "first.txt", "change": "modified"},
            {"path": "sub/ä b.txt", "change": "added"},
        ],
        "fileCount": 2,
    }
    assert ground.git("log", "-1", "--format=%B|%an") == 'Say "hello"\n\nand more\n|Owner\n'
    assert ground.git("status", "--porcelain") == ""
    assert "Say" in ground.git("reflog", "-1", "main")


@pytest.mark.parametrize("allow_repository_code", [False, True])
async def test_a_clean_work_tree_is_an_answer_and_no_failure(
    ground: GitGround, *, allow_repository_code: bool
) -> None:
    before = ground.git("rev-parse", "HEAD")

    answer = await ground.commit(allow_repository_code=allow_repository_code)

    assert answer["committed"] is False
    assert "nothing to commit" in answer["reason"]
    assert ground.git("rev-parse", "HEAD") == before


async def test_the_first_commit_of_a_repository_leaves_a_reflog(ground: GitGround) -> None:
    fresh = ground.root / "fresh"
    fresh.mkdir()
    ground.git("init", "-q", cwd=fresh)
    nothing = await ground.commit("fresh")
    (fresh / "a").write_text("a")

    answer = await ground.commit("fresh", "Begin")

    assert nothing["committed"] is False
    assert answer["files"] == [{"path": "a", "change": "added"}]
    assert ground.git("reflog", "main", cwd=fresh).count("Begin") == 1
    assert ground.git("fsck", cwd=fresh) == ""


def _change_everything(repo: Path) -> None:
    (repo / "gone").unlink()
    (repo / "to-folder").unlink()
    (repo / "to-folder").mkdir()
    (repo / "to-folder" / "inner").write_text("inner")
    (repo / "from-folder" / "inner").unlink()
    (repo / "from-folder").rmdir()
    (repo / "from-folder").write_text("file")
    (repo / "to-link").unlink()
    (repo / "to-link").symlink_to("/etc/hostname")
    (repo / "mode").chmod(0o755)
    (repo / "new\nline").write_text("odd name")
    (repo / "-dash").write_text("odd name")
    (repo / "ignored").write_text("secret")
    (repo / "deep" / "er").mkdir(parents=True)
    (repo / "deep" / "er" / "file").write_text("deep")
    (repo / "empty").mkdir()
    os.mkfifo(repo / "pipe")


async def test_it_stages_what_git_add_stages(ground: GitGround) -> None:
    for name in ("gone", "to-folder", "to-link", "mode", "same"):
        (ground.repo / name).write_text(name)
    (ground.repo / "from-folder").mkdir()
    (ground.repo / "from-folder" / "inner").write_text("inner")
    (ground.repo / ".gitignore").write_text("ignored\n")
    ground.git("add", "-A")
    ground.git("commit", "-q", "-m", "second")
    twin = ground.root / "twin"
    ground.git("clone", "-q", str(ground.repo), str(twin))
    _change_everything(ground.repo)
    _change_everything(twin)

    await ground.commit()
    await ground.commit("twin", allow_repository_code=True)

    assert ground.git("rev-parse", "HEAD^{tree}") == ground.git(
        "rev-parse", "HEAD^{tree}", cwd=twin
    )
    assert ground.git("status", "--porcelain") == ""


async def test_a_folder_below_commits_the_whole_work_tree(ground: GitGround) -> None:
    (ground.repo / "below").mkdir()
    (ground.repo / "above.txt").write_text("above")

    answer = await ground.commit("repo/below")

    assert answer["files"] == [{"path": "above.txt", "change": "added"}]


async def test_a_linked_work_tree_commits_to_its_own_branch(ground: GitGround) -> None:
    ground.git("worktree", "add", "-q", "-b", "side", str(ground.root / "side"))
    (ground.root / "side" / "new.txt").write_text("side")

    answer = await ground.commit("side")

    assert answer["branch"] == "side"
    assert ground.git("log", "-1", "--format=%s", "side") == "Change\n"
    assert ground.git("log", "-1", "--format=%s", "main") == "first\n"


async def test_a_detached_head_is_moved_and_has_no_branch(ground: GitGround) -> None:
    ground.git("checkout", "-q", "--detach")
    (ground.repo / "new.txt").write_text("new")

    answer = await ground.commit()

    assert answer["branch"] is None
    assert answer["commit"] == ground.git("rev-parse", "HEAD").strip()
    assert ground.git("log", "-1", "--format=%s", "main") == "first\n"


async def test_a_moved_submodule_is_committed_and_a_nested_repository_left_out(
    ground: GitGround,
) -> None:
    ground.init(ground.root / "lib")
    ground.git("submodule", "add", "-q", str(ground.root / "lib"), "lib")
    ground.git("commit", "-q", "-m", "submodule")
    (ground.repo / "lib" / "more").write_text("more")
    ground.git("add", "-A", cwd=ground.repo / "lib")
    ground.git("commit", "-q", "-m", "more", cwd=ground.repo / "lib")
    ground.init(ground.repo / "nested")

    answer = await ground.commit()

    assert answer["files"] == [{"path": "lib", "change": "modified"}]
    assert answer["nestedRepositoriesLeftOut"] == ["nested/"]


async def test_a_submodule_is_a_repository_of_its_own(ground: GitGround) -> None:
    ground.submodule()

    answer = await ground.commit("repo/lib")

    inner = ground.repo / "lib"
    assert answer["files"] == [{"path": "first.txt", "change": "modified"}]
    assert answer["commit"] == ground.git("rev-parse", "HEAD", cwd=inner).strip()
    assert ground.git("log", "-1", "--format=%s") == "submodule\n"


async def test_other_formats_of_repositories_are_understood(ground: GitGround) -> None:
    sha256, shallow = ground.root / "sha256", ground.root / "shallow"
    ground.git("init", "-q", "--object-format=sha256", str(sha256))
    (ground.repo / "new").write_text("new")
    await ground.commit()
    ground.git("clone", "-q", "--depth=1", f"file://{ground.repo}", str(shallow))
    ground.git("sparse-checkout", "set", "--no-cone", "/new", cwd=shallow)
    for folder in (sha256, shallow):
        (folder / "new").write_text("changed")

    answers = [await ground.commit("sha256"), await ground.commit("shallow")]

    assert len(answers[0]["commit"]) == 64
    # What is not checked out is not deleted.
    assert answers[1]["files"] == [{"path": "new", "change": "modified"}]
    assert ground.git("fsck", cwd=sha256) == ""
    assert ground.git("ls-tree", "--name-only", "HEAD", cwd=shallow) == "first.txt\nnew\n"


async def test_the_repositorys_own_name_and_line_ends_count(ground: GitGround) -> None:
    ground.git("config", "user.name", 'Someone "Else" \\ #1')
    ground.git("config", "core.autocrlf", "input")
    (ground.repo / "dos.txt").write_bytes(b"one\r\ntwo\r\n")

    await ground.commit()

    assert ground.git("log", "-1", "--format=%an") == 'Someone "Else" \\ #1\n'
    assert ground.git("show", "HEAD:dos.txt") == "one\ntwo\n"


async def test_conflicts_are_not_committed(ground: GitGround) -> None:
    ground.git("checkout", "-q", "-b", "other")
    (ground.repo / "first.txt").write_text("other\n")
    ground.git("commit", "-q", "-a", "-m", "other")
    ground.git("checkout", "-q", "main")
    (ground.repo / "first.txt").write_text("main\n")
    ground.git("commit", "-q", "-a", "-m", "main")
    with pytest.raises(AssertionError):
        ground.git("merge", "other")

    with pytest.raises(WorkspaceError, match=r"merge conflicts, such as first\.txt; resolve"):
        await ground.commit()

    (ground.repo / "first.txt").write_text("both\n")
    ground.git("add", "first.txt")
    answer = await ground.commit(message="Merge")
    assert answer["committed"] is True
    assert len(ground.git("log", "-1", "--format=%P").split()) == 2


async def test_a_lock_that_was_left_behind_is_named_with_its_remedy(ground: GitGround) -> None:
    lock = ground.repo / ".git" / "index.lock"
    lock.touch()
    (ground.repo / "new").write_text("new")

    with pytest.raises(WorkspaceError, match=f"if none runs, remove {lock} and call again"):
        await ground.commit()

    lock.unlink()
    assert (await ground.commit())["committed"]


async def test_an_owner_without_a_name_is_told_how_to_set_one(ground: GitGround) -> None:
    (ground.home / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    (ground.repo / "new").write_text("new")

    with pytest.raises(WorkspaceError, match=r"set user\.name and user\.email"):
        await ground.commit()


async def test_commits_to_one_repository_wait_for_each_other(ground: GitGround) -> None:
    tools = ground.tools()

    async def add(number: int) -> bool:
        (ground.repo / f"file-{number}").write_text("new")
        answer = await tools["commit"].run({"cwd": "repo", "message": f"Add {number}"})
        return bool(answer["committed"])

    committed = await asyncio.gather(*(add(number) for number in range(10)))

    # A call may commit the files of others, too.
    assert any(committed)
    assert ground.git("status", "--porcelain") == ""
    assert int(ground.git("rev-list", "--count", "HEAD")) == 1 + sum(committed)


async def test_git_is_ended_with_all_its_processes_when_the_time_is_up(ground: GitGround) -> None:
    ground.program("slow", "sleep 60 & sleep 60")
    ground.git("config", "--global", "filter.slow.clean", "slow")
    (ground.repo / ".gitattributes").write_text("*.slow filter=slow\n")
    (ground.repo / "a.slow").write_text("content")

    with pytest.raises(WorkspaceError, match=r"took longer than 0\.5 s and was ended"):
        await ground.commit(timeout_s=0.5)

    await until(lambda: not processes_of(ground.home, "HOME"), "git and its filter have ended")
    assert not (ground.repo / ".git" / "index.lock").exists()


async def test_a_caller_that_goes_away_ends_git(ground: GitGround) -> None:
    ground.program("slow", "sleep 60")
    ground.git("config", "--global", "filter.slow.clean", "slow")
    (ground.repo / ".gitattributes").write_text("*.slow filter=slow\n")
    (ground.repo / "a.slow").write_text("content")
    call = asyncio.create_task(ground.commit())
    await until(
        lambda: any("slow" in line for line in processes_of(ground.home, "HOME").values()),
        "the filter runs",
    )

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not processes_of(ground.home, "HOME"), "git and its filter have ended")


async def test_the_answer_names_some_of_many_files(ground: GitGround) -> None:
    for number in range(1000):
        (ground.repo / f"{number:04}").write_text("x")

    answer = await ground.commit()

    assert answer["fileCount"] == 1000
    assert len(answer["files"]) == 200


@pytest.mark.parametrize(
    ("cwd", "told"),
    [
        ("elsewhere", "does not exist"),
        ("plain", "is not in a git repository; run `git init`"),
        ("repo/.git", "name its work tree"),
        ("../outside", r"holds `\.\.`"),
        ("/", "is outside the served folders"),
    ],
)
async def test_a_folder_without_a_repository_is_refused(
    ground: GitGround, cwd: str, told: str
) -> None:
    (ground.root / "plain").mkdir()

    with pytest.raises(WorkspaceError, match=told):
        await ground.commit(cwd)


async def test_a_repository_around_the_root_is_not_used(ground: GitGround) -> None:
    ground.git("init", "-q", cwd=ground.root.parent)
    (ground.root / "plain").mkdir()

    with pytest.raises(WorkspaceError, match=r"belongs to the repository .* AGENTOS_FS_ROOTS"):
        await ground.commit("plain")


@pytest.mark.parametrize("message", ["", "  \n", "a\0b", "\ud800"])
async def test_a_message_that_git_could_not_take_is_refused(
    ground: GitGround, message: str
) -> None:
    with pytest.raises(WorkspaceError, match="commit message"):
        await ground.commit(message=message)


async def test_a_message_that_looks_like_an_option_is_a_message(ground: GitGround) -> None:
    (ground.repo / "new").write_text("new")

    await ground.commit(message="--amend")

    assert ground.git("log", "--format=%s") == "--amend\nfirst\n"


async def test_git_that_is_missing_is_told(ground: GitGround) -> None:
    with pytest.raises(WorkspaceError, match="git is not installed"):
        await ground.commit(env={"PATH": str(ground.bin), "HOME": str(ground.home)})


WORDS = st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]))
VALUES = st.one_of(
    st.none(), st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]))
)


@given(st.lists(st.tuples(WORDS, VALUES), min_size=1))
def test_settings_that_are_written_are_read_back_by_git(
    settings: list[tuple[str, str | None]],
) -> None:
    written = [Setting("remote", name, "url", value) for name, value in settings]

    listed = subprocess.run(
        ["git", "config", "--file", "-", "--list", "-z"],  # noqa: S607 - the machine's own
        input=render(written),
        capture_output=True,
        timeout=30,
        check=True,
    )

    assert parse(listed.stdout) == written
