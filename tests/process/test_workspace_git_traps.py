"""A repository cannot have its own programs run, unless the server's owner allows it.

Each trap is set off once with everything allowed: so a test that finds no mark means something.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from codexmcp.errors import WorkspaceError
from tests.support.git_ground import GitGround

Trap = Callable[[GitGround], str | None]
"""Sets itself up in a repository; returns what the refusal says, None when there is none."""


def _hook(name: str) -> Trap:
    def trap(ground: GitGround) -> None:
        ground.hook(name)

    trap.__name__ = f"hook {name}"
    return trap


def hooks_path(ground: GitGround) -> None:
    ground.hook("pre-commit")
    (ground.repo / ".git" / "hooks").rename(ground.repo / "tools")
    ground.config(core__hooksPath="tools")


def owners_relative_hooks_path(ground: GitGround) -> None:
    ground.hook("pre-commit")
    (ground.repo / ".git" / "hooks").rename(ground.repo / "tools")
    ground.git("config", "--global", "core.hooksPath", "tools")


def fsmonitor(ground: GitGround) -> None:
    ground.config(core__fsmonitor=str(ground.canary))


def filter_clean(ground: GitGround) -> str:
    ground.config(filter__x__clean=f"{ground.canary} cat")
    (ground.repo / ".gitattributes").write_text("*.txt filter=x\n")
    return r"goes through the command filter\.x\.clean"


def filter_process(ground: GitGround) -> str:
    ground.config(filter__x__process=str(ground.canary))
    (ground.repo / ".gitattributes").write_text("*.txt filter=x\n")
    return r"goes through the command filter\.x\.clean"


def filter_by_macro(ground: GitGround) -> str:
    ground.config(filter__x__clean=f"{ground.canary} cat")
    (ground.repo / ".git" / "info").mkdir(exist_ok=True)
    (ground.repo / ".git" / "info" / "attributes").write_text("[attr]odd filter=x\n*.txt odd\n")
    return r"goes through the command filter\.x\.clean"


def filter_of_worktree_config(ground: GitGround) -> str:
    ground.config(extensions__worktreeConfig="true")
    ground.git("config", "--worktree", "filter.x.clean", f"{ground.canary} cat")
    (ground.repo / ".gitattributes").write_text("*.txt filter=x\n")
    return r"goes through the command filter\.x\.clean"


def signing_program(ground: GitGround) -> str:
    ground.config(gpg__program=str(ground.canary), commit__gpgSign="true")
    return r"sets gpg\.program"


def signing_program_of_a_format(ground: GitGround) -> str:
    ground.config(gpg__format="x509", commit__gpgSign="true")
    ground.config(gpg__x509__program=str(ground.canary))
    return r"sets gpg\.x509\.program"


def signing_key_command(ground: GitGround) -> str:
    ground.config(gpg__format="ssh", commit__gpgSign="true")
    ground.config(gpg__ssh__defaultKeyCommand=str(ground.canary))
    return r"sets gpg\.ssh\.defaultkeycommand"


def included(ground: GitGround) -> str:
    (ground.repo / "more.config").write_text(f"[core]\n\tfsmonitor = {ground.canary}\n")
    ground.config(include__path="../more.config")
    return r"sets include\.path"


def included_by_condition(ground: GitGround) -> str:
    (ground.repo / "more.config").write_text(f"[core]\n\tfsmonitor = {ground.canary}\n")
    ground.config(**{"includeIf.onbranch:main.path": "../more.config"})
    return r"sets includeif\.onbranch:main\.path"


def maintenance(ground: GitGround) -> None:
    ground.hook("pre-auto-gc")
    ground.config(gc__auto="1", gc__autoDetach="false")
    # Source: git counts the loose objects of this one folder and multiplies.
    folder = ground.repo / ".git" / "objects" / "17"
    folder.mkdir(exist_ok=True)
    for number in range(3):
        (folder / f"{number:038x}").touch()


def submodules_fsmonitor(ground: GitGround) -> None:
    ground.submodule()
    ground.git("config", "core.fsmonitor", str(ground.canary), cwd=ground.repo / "lib")


def submodules_filter(ground: GitGround) -> None:
    ground.submodule()
    ground.git("config", "filter.x.clean", f"{ground.canary} cat", cwd=ground.repo / "lib")
    (ground.repo / "lib" / ".gitattributes").write_text("*.txt filter=x\n")


COMMIT_TRAPS: list[Trap] = [
    *map(_hook, ["pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"]),
    *map(_hook, ["post-index-change", "reference-transaction"]),
    hooks_path,
    owners_relative_hooks_path,
    fsmonitor,
    filter_clean,
    filter_process,
    filter_by_macro,
    filter_of_worktree_config,
    signing_program,
    signing_program_of_a_format,
    signing_key_command,
    included,
    included_by_condition,
    maintenance,
    submodules_fsmonitor,
    submodules_filter,
]


@pytest.mark.parametrize("trap", COMMIT_TRAPS, ids=lambda trap: trap.__name__)
async def test_a_commit_runs_nothing_of_the_repositorys(ground: GitGround, trap: Trap) -> None:
    refusal = trap(ground)
    (ground.repo / "new.txt").write_text("new\n")
    ground.has_fired()

    if refusal is None:
        answer = await ground.commit()
        assert answer["committed"] is True
    else:
        with pytest.raises(WorkspaceError, match=refusal):
            await ground.commit()

    assert not ground.has_fired()


@pytest.mark.parametrize("trap", COMMIT_TRAPS, ids=lambda trap: trap.__name__)
async def test_a_commit_runs_it_when_the_owner_allows_that(ground: GitGround, trap: Trap) -> None:
    trap(ground)
    (ground.repo / "new.txt").write_text("new\n")
    ground.has_fired()

    try:
        await ground.commit(allow_repository_code=True)
    except WorkspaceError as error:
        # The canary speaks neither the protocol of filters nor that of signing.
        assert "failed" in str(error)  # noqa: PT017 - either ending will do

    assert ground.has_fired()


async def test_hooks_that_were_not_run_are_named(ground: GitGround) -> None:
    ground.hook("pre-commit")
    ground.hook("pre-push")
    ground.config(core__hooksPath=".husky")
    (ground.repo / "new.txt").write_text("new\n")

    answer = await ground.commit()

    assert answer["hooksNotRun"] == ["pre-commit", "core.hooksPath"]


async def test_a_trap_that_is_set_while_git_works_does_not_go_off(ground: GitGround) -> None:
    config = ground.repo / ".git" / "config"
    harmless = config.read_bytes()
    ground.config(core__fsmonitor=str(ground.canary), filter__x__clean=f"{ground.canary} cat")
    ground.config(gpg__program=str(ground.canary), commit__gpgSign="true")
    armed = config.read_bytes()
    (ground.repo / ".git" / "info").mkdir(exist_ok=True)
    (ground.repo / ".git" / "info" / "attributes").write_text("*.txt filter=x\n")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for number, content in enumerate((armed, harmless)):
                draft = config.with_name(f"draft-{number}")
                draft.write_bytes(content)
                draft.rename(config)

    swapper = threading.Thread(target=swap)
    swapper.start()
    committed = refused = 0
    try:
        for number in range(20):
            (ground.repo / f"{number}.txt").write_text("new\n")
            try:
                committed += (await ground.commit())["committed"]
            except WorkspaceError as error:
                assert "gpg.program" in str(error)  # noqa: PT017 - either ending will do
                refused += 1
    finally:
        done.set()
        swapper.join()

    assert not ground.has_fired()
    # Else nothing was raced for.
    assert committed > 0
    assert refused > 0


async def test_the_owners_own_hooks_and_filters_are_run(ground: GitGround) -> None:
    hooks = ground.home / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").symlink_to(ground.canary)
    ground.git("config", "--global", "core.hooksPath", str(hooks))
    (ground.repo / "new.txt").write_text("new\n")
    await ground.commit()
    assert ground.has_fired()

    ground.git("config", "--global", "--unset", "core.hooksPath")
    ground.git("config", "--global", "filter.own.clean", f"{ground.canary} cat")
    (ground.repo / ".gitattributes").write_text("*.txt filter=own\n")
    (ground.repo / "more.txt").write_text("more\n")
    await ground.commit()
    assert ground.has_fired()


async def test_a_program_that_was_put_into_a_root_is_not_taken_for_git(ground: GitGround) -> None:
    planted = ground.root / "bin"
    planted.mkdir()
    (planted / "git").symlink_to(ground.canary)
    env = {**ground.env, "PATH": f"{planted}:.:{ground.env['PATH']}"}

    await ground.commit(env=env)

    assert not ground.has_fired()


async def test_large_files_of_lfs_are_refused(ground: GitGround) -> None:
    (ground.repo / ".gitattributes").write_text("*.bin filter=lfs -text\n")
    (ground.repo / "big.bin").write_text("big")

    with pytest.raises(WorkspaceError, match=r"big\.bin belongs to Git LFS"):
        await ground.commit()


@pytest.mark.parametrize(
    "name",
    ["COMMIT_EDITMSG", "index", "HEAD", "logs/HEAD", "logs", "refs/heads", "objects", "info"],
)
async def test_a_link_by_which_git_would_write_elsewhere_is_refused(
    ground: GitGround, name: str
) -> None:
    entry = ground.repo / ".git" / name
    target = ground.outside / "target"
    entry.rename(target)
    entry.symlink_to(target)
    before = target.stat().st_mtime_ns
    (ground.repo / "new.txt").write_text("new\n")

    with pytest.raises(WorkspaceError, match=rf"repo/\.git/{name} is a symbolic link"):
        await ground.commit()

    assert target.stat().st_mtime_ns == before


async def test_a_link_in_gits_folder_would_be_written_through(ground: GitGround) -> None:
    entry, target = ground.repo / ".git" / "COMMIT_EDITMSG", ground.outside / "target"
    entry.unlink()
    entry.symlink_to(target)
    (ground.repo / "new.txt").write_text("new\n")

    await ground.commit(message="Written outside", allow_repository_code=True)

    assert "Written outside" in target.read_text()


async def test_a_repository_whose_own_folder_lies_outside_is_refused(ground: GitGround) -> None:
    ground.init(ground.outside / "other")
    (ground.repo / "new.txt").write_text("new\n")
    (ground.repo / ".git").rename(ground.root / "kept")

    (ground.repo / ".git").write_text(f"gitdir: {ground.outside}/other/.git\n")
    with pytest.raises(WorkspaceError, match=r"repo/\.git leads to .*other/\.git, which git may"):
        await ground.commit()
    (ground.repo / ".git").write_text("gitdir: ../../outside/other/.git\n")
    with pytest.raises(WorkspaceError, match=r"repo/\.git leads to .*other/\.git, which git may"):
        await ground.commit()
    (ground.repo / ".git").unlink()
    (ground.repo / ".git").symlink_to(ground.outside / "other" / ".git")
    with pytest.raises(WorkspaceError, match="links are not followed"):
        await ground.commit()
    (ground.repo / ".git").unlink()
    (ground.root / "kept").rename(ground.repo / ".git")
    (ground.repo / ".git" / "commondir").write_text(f"{ground.outside}/other/.git\n")
    with pytest.raises(WorkspaceError, match=r"commondir leads to"):
        await ground.commit()

    assert ground.git("log", "--format=%s", cwd=ground.outside / "other") == "first\n"


async def test_a_work_tree_elsewhere_is_refused(ground: GitGround) -> None:
    ground.config(core__worktree=str(ground.outside))

    with pytest.raises(WorkspaceError, match=r"core\.worktree .* the work tree is .*outside"):
        await ground.commit()


async def test_objects_from_outside_are_refused_and_from_a_root_taken(ground: GitGround) -> None:
    alternates = ground.repo / ".git" / "objects" / "info" / "alternates"
    ground.init(ground.outside / "other")
    ground.init(ground.root / "near")
    (ground.repo / "new.txt").write_text("new\n")

    alternates.write_text(f"{ground.outside}/other/.git/objects\n")
    with pytest.raises(WorkspaceError, match=r"borrows objects from .*outside/other"):
        await ground.commit()
    near = ground.root / "near" / ".git" / "objects"
    alternates.write_text("../../../near/.git/objects\n")
    (near / "info" / "alternates").write_text(f"{ground.outside}/other/.git/objects\n")
    with pytest.raises(WorkspaceError, match=r"borrows objects from .*outside/other"):
        await ground.commit()
    (near / "info" / "alternates").unlink()

    assert (await ground.commit())["committed"] is True
