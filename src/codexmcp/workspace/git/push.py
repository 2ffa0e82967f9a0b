"""Push a repository's branch, like `git push`, without a password prompt."""

from __future__ import annotations

from typing import Any

from codexmcp.data_classes import replace
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.answers import pushed
from codexmcp.workspace.git.errors import failure
from codexmcp.workspace.git.place import absolute
from codexmcp.workspace.git.session import Git, Session, ssh_command

_DONE = frozenset({"up to date"})


async def push(session: Session, *, set_upstream: bool) -> dict[str, Any]:
    """Push the same refs as `git push`.

    Args:
        session: The repository.
        set_upstream: Push the branch under its own name, and record the upstream.

    Raises:
        WorkspaceError: The push failed, or the remote refused.
    """
    git = session.git
    git = replace(git, env={**git.env, **await ssh_command(git)})
    branch = await git.value("symbolic-ref", "--quiet", "--short", "HEAD")
    words = ["push", "--porcelain"]
    remote = None
    if set_upstream:
        if branch is None:
            raise WorkspaceError(
                f"no branch is checked out in {git.at}; check one out by hand, then push"
            )
        remote = await _remote(git)
        words += [remote, f"refs/heads/{branch}:refs/heads/{branch}"]
    ended = await git.run(*words)
    if ended.code != 0:
        raise failure("push", git.at, ended)
    if remote is not None and branch is not None:
        await _keep_upstream(session, remote, branch)
    told = pushed(ended.out.decode(errors="replace"))
    is_new = any(update["result"] not in _DONE for update in told["updates"])
    answer = {"pushed": is_new, "branch": branch, **told}
    if session.skipped_hooks:
        answer["hooksNotRun"] = list(session.skipped_hooks)
    return answer


async def _remote(git: Git) -> str:
    names = (await git.out("remote")).decode(errors="replace").split()
    if "origin" in names:
        return "origin"
    if len(names) == 1 and not names[0].startswith("-"):
        return names[0]
    raise WorkspaceError(
        f"{git.at} has {'no remote' if not names else 'several remotes and none called origin'}; "
        "add it with `git remote add origin URL`, by hand"
    )


async def _keep_upstream(session: Session, remote: str, branch: str) -> None:
    """Write the upstream to the repository's own configuration, not to the stand-in."""
    git = session.git
    file = f"{absolute(session.repository.common_dir)}/config"
    for name, value in (("remote", remote), ("merge", f"refs/heads/{branch}")):
        await git.out("config", "--file", file, f"branch.{branch}.{name}", value)
