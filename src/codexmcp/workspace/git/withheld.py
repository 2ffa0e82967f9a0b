"""Exclude paths that are not served from commits, even in a work tree.

A repository's objects contain everything ever staged, for all its readers. Withheld files are
therefore never staged, and changes staged by others are not committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.answers import listed_paths
from codexmcp.workspace.git.session import Session


def partition_withheld(
    paths: Iterable[str], withheld: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the allowed paths, and the withheld paths among the others.

    Case is ignored, since on some systems two spellings name the same file.

    Args:
        paths: Paths from the work tree.
        withheld: Withheld paths from the work tree; a folder includes its contents.
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
    """Refuse an index with changes of withheld files.

    Raises:
        WorkspaceError: Such changes are staged.
    """
    if not session.withheld:
        return
    git = session.git
    if await git.value("rev-parse", "--quiet", "--verify", "HEAD") is None:
        listed = await git.out("ls-files", "--cached", "-z")
    else:
        # Files removed from the index do no harm.
        words = ("diff-index", "--cached", "--name-only", "--no-renames", "--diff-filter=d", "-z")
        listed = await git.out(*words, "HEAD", "--")
    _, staged = partition_withheld(listed_paths(listed), session.withheld)
    if staged:
        raise WorkspaceError(
            f"the index of {git.at} holds changes of {staged[0]}, which belongs to the server "
            f"itself and is not committed; take it out by hand: `git rm -r --cached {staged[0]}`"
        )
