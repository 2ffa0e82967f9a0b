"""What is not served is not committed, though it lies in a work tree.

Whoever may read a repository reads all that was ever staged there, in its objects. So nothing of
it is staged, and nothing of it that somebody else has staged is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.answers import listed_paths
from codexmcp.workspace.git.session import Session


def parted(paths: Iterable[str], withheld: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the paths that may be committed, and what of the withheld the others belong to.

    Case does not count, because on some systems two spellings lead to one file.

    Args:
        paths: Paths from the work tree.
        withheld: The same, of what is not served; for a folder, all that is in it.
    """
    folded = {item: item.casefold() for item in withheld}
    kept: list[str] = []
    left_out: set[str] = set()
    for path in paths:
        given = path.casefold()
        owners = [
            item for item, name in folded.items() if given == name or given.startswith(f"{name}/")
        ]
        left_out.update(owners)
        if not owners:
            kept.append(path)
    return kept, sorted(left_out)


async def expect_none_staged(session: Session) -> None:
    """Refuse an index that holds other content of what is not served than the last commit.

    Raises:
        WorkspaceError: It does.
    """
    if not session.withheld:
        return
    git = session.git
    if await git.value("rev-parse", "--quiet", "--verify", "HEAD") is None:
        listed = await git.out("ls-files", "--cached", "-z")
    else:
        # What is no longer tracked does nobody harm.
        words = ("diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z")
        listed = await git.out(*words, "HEAD", "--")
    _, staged = parted(listed_paths(listed), session.withheld)
    if staged:
        raise WorkspaceError(
            f"the index of {git.at} holds changes of {staged[0]}, which belongs to the server "
            f"itself and is not committed; take it out by hand: `git rm -r --cached {staged[0]}`"
        )
