"""The tools `agentOS_git_commit` and `agentOS_git_push`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from codexmcp.errors import WorkspaceError
from codexmcp.mcp_tools import changes
from codexmcp.secret_like import holds_secret
from codexmcp.workspace.git.answers import COMMITTED, PUSHED
from codexmcp.workspace.git.commit import commit
from codexmcp.workspace.git.config import Operation
from codexmcp.workspace.git.push import push
from codexmcp.workspace.git.secrets import expect_no_secrets
from codexmcp.workspace.git.session import GitPolicy, Session, Sessions
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.tool import Scope, WorkspaceTool

MAX_MESSAGE_CHARACTERS = 65536

_CWD = {
    "type": "string",
    "minLength": 1,
    "description": "a folder of the repository, absolute or relative to the first root",
}


def git_tools(roots: Roots, policy: GitPolicy) -> tuple[WorkspaceTool, ...]:
    """Return the tools.

    Args:
        roots: The bound for repositories.
        policy: The permissions of git.
    """
    sessions = Sessions(roots, policy)

    async def run_commit(arguments: Mapping[str, Any]) -> dict[str, Any]:
        message = str(arguments["message"])
        _check_message(message, policy)
        async with _bounded(sessions, arguments, Operation.COMMIT) as session:
            await expect_no_secrets(session, policy.secret_shapes, policy.allowed_secrets)
            return await commit(session, message)

    async def run_push(arguments: Mapping[str, Any]) -> dict[str, Any]:
        async with _bounded(sessions, arguments, Operation.PUSH) as session:
            return await push(session, set_upstream=bool(arguments.get("set_upstream", False)))

    return (
        WorkspaceTool(
            name="agentOS_git_commit",
            description="Commit all changes of a git repository (git add -A && git commit -m). "
            "Answers with the commit and its files, or that there is nothing to commit. Refuses "
            "files that look like secrets.",
            schema=_schema(
                {"message": {"type": "string", "maxLength": MAX_MESSAGE_CHARACTERS}}, ["message"]
            ),
            scope=Scope.GIT,
            run=run_commit,
            title="Commit all changes",
            answer=COMMITTED,
            hints=changes(destructive=False, idempotent=True, open_world=False),
        ),
        WorkspaceTool(
            name="agentOS_git_push",
            description="Push the current branch of a git repository (git push). Never asks for a "
            "password.",
            schema=_schema(
                {
                    "set_upstream": {
                        "type": "boolean",
                        "description": "for a branch without upstream: push it under its own name",
                    }
                },
                [],
            ),
            scope=Scope.GIT,
            run=run_push,
            title="Push a branch",
            answer=PUSHED,
            # A refspec of the remote's configuration may force the update or delete a branch.
            hints=changes(destructive=True, idempotent=True, open_world=True),
        ),
    )


def _schema(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"cwd": _CWD, **properties},
        "required": ["cwd", *required],
        "additionalProperties": False,
    }


def _check_message(message: str, policy: GitPolicy) -> None:
    if not message.strip() or "\0" in message:
        raise WorkspaceError(
            "the commit message is empty or holds a NUL character; say in a line what changed"
        )
    try:
        message.encode()
    except UnicodeEncodeError:
        raise WorkspaceError("the commit message is not valid Unicode; send it as UTF-8") from None
    if holds_secret(message, policy.secret_shapes):
        raise WorkspaceError(
            "nothing was committed, because the commit message holds what looks like a secret; say "
            "what changed without it"
        )


@contextlib.asynccontextmanager
async def _bounded(
    sessions: Sessions, arguments: Mapping[str, Any], operation: Operation
) -> AsyncGenerator[Session]:
    """Open a session with a bound on git's time."""
    folder, timeout_s = str(arguments["cwd"]), sessions.policy.timeout_s
    try:
        async with asyncio.timeout(timeout_s), sessions.open(folder, operation) as session:
            yield session
    except TimeoutError:
        raise WorkspaceError(
            f"git {operation} in {folder} took longer than {timeout_s:g} s and was ended; the "
            "repository may be very large, its disk or remote slow, or another call at work: "
            f"try again, or {operation} by hand"
        ) from None
