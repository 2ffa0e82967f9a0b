"""Run git on a repository with restricted settings, a single call at a time.

Unless the server's owner trusts the roots, git uses a stand-in for the repository's own
configuration (`shadow`) and no hooks. The owner's own configuration always applies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import WorkspaceError
from codexmcp.secret_like import SecretPattern
from codexmcp.workspace.commands import (
    ChildCommand,
    CommandResult,
    find_program,
    passed_environment,
    run,
    safe_path,
)
from codexmcp.workspace.git import config, confinement, place
from codexmcp.workspace.git.config import Operation, SortedSettings
from codexmcp.workspace.git.errors import failure
from codexmcp.workspace.git.place import GitRepository, absolute
from codexmcp.workspace.git.shadow import shadowed
from codexmcp.workspace.paths.confined import Identity
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.threads import GIT

MAX_LIST_BYTES = 64 * 1024 * 1024

_OVERRIDES = {
    # Each would start a program, outlive the call, or use the configuration of submodules.
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.editor": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "push.recurseSubmodules": "no",
    "submodule.recurse": "false",
}
_NEVER_ASK = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GCM_INTERACTIVE": "never"}
_OWNERS = frozenset(
    [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
        "GNUPGHOME",
        "SSH_AUTH_SOCK",
    ]
)
_HOOKS = {
    Operation.COMMIT: {
        "commit-msg",
        "post-commit",
        "post-index-change",
        "pre-commit",
        "prepare-commit-msg",
        "reference-transaction",
    },
    Operation.PUSH: {"pre-push", "reference-transaction"},
}


@dataclass(frozen=True, slots=True)
class GitPolicy:
    """Permissions of git.

    Attributes:
        env: The server's environment; git gets a small part of it.
        allow_repository_code: Use a repository's own hooks and configuration, which run programs.
        secret_shapes: Patterns of secrets, refused in commits.
        allowed_secrets: Patterns of files exempt from this check.
        timeout_s: Bound on a call, in seconds. Below the clients' bound on a tool call: 60 s in
            Codex.
    """

    env: Mapping[str, str]
    allow_repository_code: bool = False
    secret_shapes: Sequence[SecretPattern] = ()
    allowed_secrets: Sequence[str] = ()
    timeout_s: float = 50.0


@dataclass(frozen=True, slots=True)
class Git:
    """Run git on a repository.

    Attributes:
        program: The path of git.
        overrides: Settings with precedence over every file.
        env: The environment.
        cwd: The working directory.
        at: The work tree, for messages.
    """

    program: str
    overrides: Mapping[str, str]
    env: Mapping[str, str]
    cwd: str
    at: str

    async def run(
        self, *words: str, stdin: bytes = b"", max_bytes: int = MAX_LIST_BYTES
    ) -> CommandResult:
        """Run a git command.

        Raises:
            WorkspaceError: git does not start, or its output exceeds the bound.
        """
        settings = [word for key, value in self.overrides.items() for word in _set(key, value)]
        argv = [self.program, *settings, *words]
        ended = await run(ChildCommand(argv, self.cwd, self.env, stdin, max_bytes))
        if ended.is_cut:
            raise WorkspaceError(
                f"`git {words[0]}` in {self.at} lists more than {max_bytes} bytes; commit in "
                "smaller steps, by hand"
            )
        return ended

    async def out(self, *words: str, stdin: bytes = b"") -> bytes:
        """Return the output of a git command.

        Raises:
            WorkspaceError: The command fails.
        """
        ended = await self.run(*words, stdin=stdin)
        if ended.code != 0:
            raise failure(words[0], self.at, ended)
        return ended.out

    async def value(self, *words: str) -> str | None:
        """Return the single line of a git command's output; None without output."""
        ended = await self.run(*words)
        return ended.out.decode(errors="replace").strip() or None if ended.code == 0 else None


@dataclass(frozen=True, slots=True)
class Session:
    """A session on a repository.

    Attributes:
        git: Runs git there.
        repository: The repository.
        sorted: The settings in effect; None means all.
        skipped_hooks: The skipped hooks of this operation.
        withheld: Paths in the work tree that are not served.
    """

    git: Git
    repository: GitRepository
    sorted: SortedSettings | None
    skipped_hooks: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


class Sessions:
    """Open sessions, one at a time for each repository.

    Args:
        roots: The bound for repositories.
        policy: The permissions of git.
    """

    def __init__(self, roots: Roots, policy: GitPolicy) -> None:
        self._roots = roots
        self.policy = policy
        self._locks: WeakValueDictionary[Identity, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def open(self, folder: str, operation: Operation) -> AsyncGenerator[Session]:
        """Open a session when no other call uses the repository.

        Args:
            folder: The work tree, or a folder in it.
            operation: The purpose.

        Raises:
            WorkspaceError: git is missing, no repository was found, or the repository is refused.
        """
        repository = await GIT.run(place.find, self._roots, folder)
        lock = self._locks.setdefault(repository.identity, asyncio.Lock())
        async with lock, GIT.opened(self._roots.open_dir(repository.top)) as top:
            git = self._git(top.child_cwd or top.path, str(repository.top))
            withheld = self._roots.withheld_below(repository.top)
            if self.policy.allow_repository_code:
                yield Session(git, repository, None, withheld=withheld)
                return
            await GIT.run(confinement.check, self._roots, repository)
            found = await self._sorted(git, repository, operation)
            hooks = await GIT.run(place.hooks, self._roots, repository)
            skipped = [name for name in hooks if name in _HOOKS[operation]]
            skipped += ["core.hooksPath"] if found.has_hooks_path else []
            stand_in = shadowed(self._roots, repository, found.kept)
            async with GIT.opened(stand_in) as variables:
                confined = await self._confined(git, variables)
                yield Session(confined, repository, found, tuple(skipped), withheld)

    def _git(self, cwd: str, at: str) -> Git:
        env = passed_environment(self.policy.env, _OWNERS)
        # A file tool must not be able to place a program on git's PATH.
        written = [] if self.policy.allow_repository_code else self._real_roots
        env["PATH"] = safe_path(env["PATH"], written)
        program = find_program("git", env["PATH"])
        if program is None:
            raise WorkspaceError(
                "git is not installed where the server looks for it; install it, or start the "
                f"server with a PATH that has it (now {env['PATH']!r}; folders in the roots are "
                "left out, because the file tools write there)"
            )
        return Git(program, {}, {**env, **_NEVER_ASK}, cwd, at)

    async def _sorted(
        self, git: Git, repository: GitRepository, operation: Operation
    ) -> SortedSettings:
        settings = await self._listed(git, repository.common_dir.child("config"))
        if config.uses_worktree_config(settings):
            settings += await self._listed(git, repository.git_dir.child("config.worktree"))
        found = config.sort(settings, operation)
        if found.refused:
            raise WorkspaceError(
                f"the configuration of the repository {repository.top} sets "
                f"{', '.join(found.refused)}, which could run programs or lead elsewhere; remove "
                "it there, put it into the configuration of the server's user, or have the server "
                "trust its folders with --allow-git-hooks"
            )
        _expect_own_worktree(repository, found.worktree)
        return found

    async def _listed(self, git: Git, location: Location) -> list[config.Setting]:
        data = await GIT.run(place.read_config, self._roots, location)
        # From stdin and in the root folder, so git reads this file only and no repository's.
        reader = replace(git, cwd="/", at=str(location))
        words = ("config", "--file", "-", "--no-includes", "--list", "-z")
        return config.parse(await reader.out(*words, stdin=data))

    async def _confined(self, git: Git, variables: Mapping[str, str]) -> Git:
        git = replace(git, env={**git.env, **variables}, overrides=_OVERRIDES)
        # The owner's own hooks run; a relative path would resolve to the repository's hooks.
        hooks = await git.value("config", "--type=path", "--get", "core.hooksPath")
        if hooks is None or not self._is_outside(hooks):
            git = replace(git, overrides={**git.overrides, "core.hooksPath": os.devnull})
        return git

    def _is_outside(self, path: str) -> bool:
        if not Path(path).is_absolute():
            return False
        real = Path(os.path.realpath(path))
        return not any(real.is_relative_to(root) for root in self._real_roots)

    @property
    def _real_roots(self) -> list[str]:
        return [each.root.path for each in self._roots.places]


async def ssh_command(git: Git) -> dict[str, str]:
    """Return the variables for ssh without prompts, for any ssh of the server's owner."""
    given = git.env.get("GIT_SSH_COMMAND") or await git.value("config", "--get", "core.sshCommand")
    if given is None and git.env.get("GIT_SSH"):
        return {}
    command = given or "ssh"
    try:
        is_openssh = Path(shlex.split(command)[0]).name in {"ssh", "ssh.exe"}
    except (ValueError, IndexError):
        is_openssh = False
    return {"GIT_SSH_COMMAND": f"{command} -o BatchMode=yes" if is_openssh else command}


def _set(key: str, value: str) -> tuple[str, str]:
    return "-c", f"{key}={value}"


def _expect_own_worktree(repository: GitRepository, worktree: str | None) -> None:
    """Refuse a repository configured with another work tree."""
    if worktree is None:
        return
    # Source: git-config(1): relative to the folder of the configuration.
    named = os.path.realpath(Path(absolute(repository.common_dir), worktree))
    if named != os.path.realpath(absolute(repository.top)):
        raise WorkspaceError(
            f"core.worktree in {repository.common_dir}/config says that the work tree is {named} "
            f"and not {repository.top}; remove it, or name that folder"
        )
