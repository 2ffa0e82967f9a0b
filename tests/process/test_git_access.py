"""`--allow-git` in Codex's real sandbox: commits pass, and nothing is planted for git to run."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from codexmcp.codex.git_access import git_access
from codexmcp.codex.permissions import PROFILE, RestrictedPaths, sandbox_profile
from codexmcp.home.toml import inline
from tests.support.builds import pinned_codex
from tests.support.mcp_server import environment

BOUND_S = 30.0

PLANT = """
mkdir -p evil/hooks
printf '#!/bin/sh\\ntouch PLANTED\\n' | tee evil/hooks/pre-commit evil/run > /dev/null
chmod +x evil/hooks/pre-commit evil/run
printf '[core]\\n\\trepositoryformatversion = 0\\n\\tfsmonitor = EVIL/run\\n' > evil/config
cp evil/config .git/config.worktree
"""
"""Makes a hook and settings that touch a file, somewhere in the project."""

ATTACKS = {
    "a hook": "cp evil/hooks/pre-commit GIT/hooks/pre-commit",
    "another folder of hooks": "rm -rf GIT/hooks; cp -r evil/hooks GIT/hooks",
    "hooks moved away": "mv GIT/hooks GIT/h; cp -r evil/hooks GIT/hooks",
    "a link to hooks": "rm -rf GIT/hooks; ln -s EVIL/hooks GIT/hooks",
    "settings": "git config core.fsmonitor EVIL/run; cat evil/config >> COMMON/config",
    "settings replaced": "mv evil/config COMMON/config",
    "settings of the worktree": "cp evil/config GIT/config.worktree",
    "another folder of settings": "cp -r COMMON/refs COMMON/objects evil; echo EVIL >GIT/commondir",
    "another folder of settings in place of one": "mv EVIL/config GIT/c; mv GIT/c GIT/commondir",
    "attributes": "mkdir -p GIT/info; echo '* filter=lfs' > GIT/info/attributes",
    "a worktree's folder": "mkdir -p COMMON/worktrees/o; echo EVIL > COMMON/worktrees/o/commondir",
    "a submodule's folder": "mkdir -p COMMON/modules/o; cp evil/config COMMON/modules/o/config",
    "a remote": "mkdir -p COMMON/remotes; echo 'URL: ext::EVIL/run' > COMMON/remotes/origin",
    "a sequence": "mkdir -p GIT/sequencer; echo 'exec EVIL/run' > GIT/sequencer/todo",
    "the marker": "mv .git old; mkdir .git; cp -r evil/* .git/",
}
"""What a command may try; GIT is the git folder of the worktree, COMMON the one with settings."""

BREAKING = {"the git folder moved": "mv GIT elsewhere; mkdir GIT; cp -r evil/* GIT"}
"""The same, but git may not work afterwards."""

LATER = (["status"], ["add", "evil"], ["commit", "-qm", "by the user"], ["fetch"])
"""What the user does then, outside of the sandbox."""


@dataclass
class Ground:
    """A repository of one kind, and Codex's sandbox around it.

    Attributes:
        home: The Codex home.
        worktree: Where commands work.
        planted: The file that tells of code that ran.
    """

    home: Path
    worktree: Path
    planted: Path

    def git(self, *words: str) -> str:
        """Run git as the user does, outside of the sandbox."""
        command = ["git", "-c", "user.email=a@b", "-c", "user.name=a", *words]
        return _ran(command, self.worktree, environment(self.home)).stdout

    def attacked(self, attacks: Iterable[str], access: Mapping[str, str] | None = None) -> None:
        """Run attacks in the sandbox."""
        script = "\n".join([PLANT, *(f"( {attack} )" for attack in attacks)])
        for name, place in {
            "GIT": self.folder("--git-dir"),
            "COMMON": self.folder("--git-common-dir"),
            "EVIL": str(self.worktree / "evil"),
            "PLANTED": str(self.planted),
        }.items():
            script = script.replace(name, place)
        self.sandboxed(script, access)
        assert (self.worktree / "evil" / "run").exists()

    def sandboxed(
        self, script: str, access: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a script in the sandbox with the permissions of a thread."""
        access = git_access(self.worktree) if access is None else access
        profile = sandbox_profile(
            "workspace-write", str(self.worktree), RestrictedPaths(), {}, access
        )
        given = [] if profile is None else [f"permissions.{PROFILE}={inline(profile)}"]
        given.append(f'default_permissions="{PROFILE}"')
        overrides = [word for setting in given for word in ("-c", setting)]
        command = [str(pinned_codex()), "sandbox", *overrides, "--", "bash", "-c", script]
        env = environment(self.home, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b")
        env |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
        return _ran(command, self.worktree, env, check=False)

    def folder(self, which: str) -> str:
        return str((self.worktree / self.git("rev-parse", which).strip()).resolve())


def _ran(
    command: list[str], cwd: Path, env: Mapping[str, str], *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=BOUND_S, check=check
    )


@pytest.fixture(params=["a main worktree", "one without templates", "a linked one", "a submodule"])
def ground(request: pytest.FixtureRequest, codex_home: Path) -> Ground:
    base = codex_home / "ground"
    base.mkdir()
    kind, main = request.param, base / "main"
    here = Ground(codex_home, base, base / "planted")
    here.git("init", "-q", *(["--template="] if "without" in kind else []), str(main))
    here.worktree = main
    here.git("commit", "-q", "--allow-empty", "-m", "first")
    if kind == "a linked one":
        here.git("worktree", "add", "-q", str(base / "linked"))
        here.worktree = base / "linked"
    if kind == "a submodule":
        here.git("init", "-q", str(base / "source"))
        here.git("-C", str(base / "source"), "commit", "-q", "--allow-empty", "-m", "first")
        allow = ("-c", "protocol.file.allow=always")
        here.git(*allow, "submodule", "--quiet", "add", str(base / "source"), "inner")
        here.worktree = main / "inner"
    return here


def test_commands_commit(ground: Ground) -> None:
    script = (
        "echo x > new && git add . && git commit -qm second && git switch -qc other && git status"
    )
    done = ground.sandboxed(script)
    assert done.returncode == 0, done.stderr
    assert "nothing to commit" in done.stdout
    assert ground.git("log", "--format=%s") == "second\nfirst\n"
    assert ground.git("branch", "--show-current") == "other\n"
    assert ground.git("status", "--porcelain") == ""
    ground.git("fsck")


def test_no_command_plants_what_git_runs_later(ground: Ground) -> None:
    ground.attacked(ATTACKS.values())
    for words in LATER:
        ground.git(*words)
        assert not ground.planted.exists(), words
    common = Path(ground.folder("--git-common-dir"))
    assert not (common / "info" / "attributes").exists()
    assert not (common / "worktrees" / "o").exists()
    ground.attacked(BREAKING.values())
    for words in LATER:
        with contextlib.suppress(subprocess.CalledProcessError):
            ground.git(*words)
        assert not ground.planted.exists(), words


@pytest.mark.parametrize("ground", ["a main worktree"], indirect=True)
@pytest.mark.parametrize("attack", ["a hook", "settings replaced", "another folder of settings"])
def test_without_the_protected_paths_it_would_be_planted(ground: Ground, attack: str) -> None:
    ground.attacked([ATTACKS[attack]], {ground.folder("--git-dir"): "write"})
    for words in LATER:
        with contextlib.suppress(subprocess.CalledProcessError):
            ground.git(*words)
    assert ground.planted.exists()


@pytest.mark.parametrize("ground", ["a main worktree"], indirect=True)
def test_a_git_folder_that_cannot_be_protected_stays_closed(ground: Ground) -> None:
    folder = Path(ground.folder("--git-dir"))
    config = folder / "config"
    plain = config.read_text()
    for more in ("[include]\npath = more\n", "[core]\nhooksPath = .git/more\n"):
        config.write_text(plain + more)
        assert git_access(ground.worktree) == {}
    config.write_text(plain)
    assert git_access(ground.worktree)[str(folder)] == "write"
    (folder / "hooks").rename(folder / "elsewhere")
    (folder / "hooks").symlink_to("elsewhere")
    assert git_access(ground.worktree) == {}


@pytest.mark.parametrize("ground", ["a linked one", "a submodule"], indirect=True)
def test_a_marker_leads_to_no_folder_that_does_not_name_the_worktree(ground: Ground) -> None:
    copy = ground.worktree.parent / "copy"
    copy.mkdir()
    (copy / ".git").write_text(f"gitdir: {ground.folder('--git-dir')}\n")
    assert git_access(copy) == {}
    (copy / ".git").unlink()
    (copy / ".git").symlink_to(ground.folder("--git-common-dir"))
    assert git_access(copy) == {}
    assert git_access(ground.worktree) != {}
