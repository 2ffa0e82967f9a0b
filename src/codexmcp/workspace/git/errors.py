"""Explanations and remedies for git's failures. Pure."""

from __future__ import annotations

import re

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.commands import CommandResult

_MAX_CHARACTERS = 1500

_REMEDIES = (
    (
        r"Unable to create '(?P<what>[^']+\.lock)': File exists",
        "another git works there, or one died: if none runs, remove {what} and call again",
    ),
    (
        r"Please tell me who you are|unable to auto-detect email|empty ident name",
        "set user.name and user.email with `git config --global` as the server's user",
    ),
    (
        r"gpg failed to sign|failed to write commit object",
        (
            "signing failed: unlock the key of the server's user (nobody is asked for its "
            "passphrase here), or unset commit.gpgSign"
        ),
    ),
    (
        r"has no upstream branch|does not match\s+the name of your current branch",
        "the branch has no upstream of its name: call again with set_upstream true",
    ),
    (
        r"You are not currently on a branch",
        "no branch is checked out: check one out by hand, then push",
    ),
    (
        r"No configured push destination|no such remote|does not appear to be a git repository",
        "there is no such remote repository: add or fix it with `git remote`, by hand",
    ),
    (
        r"transport '(?P<what>[^']+)' not allowed",
        (
            "remotes by {what} are refused, because they run programs or hooks on this machine: "
            "use https or ssh, or have the server trust its folders with --allow-git-hooks"
        ),
    ),
    (
        (
            r"could not read (Username|Password)|Authentication failed|terminal prompts disabled"
            r"|HTTP Basic: Access denied"
        ),
        (
            "nobody is asked for a password here: give the server's user a credential helper, or "
            "use ssh with an agent"
        ),
    ),
    (
        r"Permission denied \(|Host key verification failed",
        (
            "ssh asks nobody here: load the key into the agent that the server sees, and connect "
            "once by hand to accept the host's key"
        ),
    ),
    (
        (
            r"Could not resolve host|Connection (refused|timed out)|Network is unreachable"
            r"|Failed to connect"
        ),
        "the remote cannot be reached: see to the network and to the remote's URL",
    ),
    (
        r"\((non-fast-forward|fetch first|stale info|needs force)\)",
        (
            "the remote has commits that are missing here: fetch and merge or rebase them by hand, "
            "then push; nothing was overwritten"
        ),
    ),
    (
        r"(hook declined|protected branch|\[remote rejected\])",
        "the remote refuses it by a rule of its own: push to another branch",
    ),
    (r"No space left on device|Disk quota exceeded", "the disk is full: free some space"),
    (
        r"dubious ownership",
        "it belongs to another user: see safe.directory in git-config(1)",
    ),
    (
        r"bad config|bad numeric config|unknown repository extension|Expected git repo version",
        "fix the repository's configuration; `git config --list --show-origin` shows it",
    ),
)

_PASSWORD = re.compile(r"(?<=//)[^\s/@]+@")


def failure(command: str, at: str, ended: CommandResult) -> WorkspaceError:
    """Return the error for a failed git command.

    Args:
        command: The command, such as `push`.
        at: The work tree.
        ended: The command's result.
    """
    said = without_passwords("\n".join([ended.err, ended.out.decode(errors="replace")])).strip()
    remedy = next(filter(None, (_remedy(said, *row) for row in _REMEDIES)), None)
    how = f"exit code {ended.code}" if ended.code >= 0 else f"signal {-ended.code}"
    advice = remedy or "the output above names the cause; fix it by hand"
    return WorkspaceError(
        f"`git {command}` in {at} failed ({how}): {said[-_MAX_CHARACTERS:]}\n{advice}"
    )


def without_passwords(text: str) -> str:
    """Return a text without the user names and passwords of its URLs."""
    return _PASSWORD.sub("", text)


def _remedy(said: str, pattern: str, advice: str) -> str | None:
    found = re.search(pattern, said)
    return None if found is None else advice.format(**found.groupdict())
