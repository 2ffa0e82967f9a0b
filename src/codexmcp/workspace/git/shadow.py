"""A stand-in for a repository's configuration while git works on it.

git reads its configuration and hooks from the repository's common folder. It is given another one,
outside the roots, with links to the real objects and refs, and with those settings alone that are
data. So nothing that the repository holds is started, whoever changes it meanwhile.

Source: gitrepository-layout(5) says what lies in GIT_COMMON_DIR. Linux and macOS.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.config import Setting, render
from codexmcp.workspace.git.place import Repository, absolute
from codexmcp.workspace.paths.roots import Roots

_LINKED = ("objects", "refs", "reftable", "packed-refs", "logs", "info", "shallow", "worktrees")

PROTOCOLS = "https:http:ssh:git"
"""What is left out: folders of this machine, whose hooks would run here, and programs."""


@contextlib.contextmanager
def shadowed(
    roots: Roots, repository: Repository, settings: Iterable[Setting]
) -> Generator[dict[str, str]]:
    """Give the variables by which git works on a repository without its configuration.

    Args:
        roots: Where the stand-in must not lie.
        repository: The repository, checked.
        settings: What of its configuration counts.

    Raises:
        WorkspaceError: There is no place for it.
    """
    real = Path(absolute(repository.common_dir))
    with contextlib.ExitStack() as made:
        try:
            name = tempfile.TemporaryDirectory(prefix="codexmcp-git-", dir=_place(roots))
            folder = Path(made.enter_context(name))
            _fill(folder, real, render(settings))
        except OSError as error:
            raise WorkspaceError(
                f"cannot prepare git's work on {repository.top}: {error.strerror} "
                f"({error.filename}); see to the space on the disk and to permissions"
            ) from None
        yield {
            "GIT_DIR": absolute(repository.git_dir),
            "GIT_COMMON_DIR": str(folder),
            "GIT_WORK_TREE": absolute(repository.top),
            "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        }


def _fill(folder: Path, real: Path, config: bytes) -> None:
    # Else the first commit's reflog would be written to the stand-in.
    (real / "logs").mkdir(exist_ok=True)
    (folder / "config").write_bytes(config)
    for entry in _LINKED:
        # A file that is missing yet is made where its link leads.
        if entry in {"packed-refs", "shallow"} or (real / entry).exists():
            (folder / entry).symlink_to(real / entry)


def _place(roots: Roots) -> str:
    """Return a folder for temporary files that no tool writes to."""
    written = [place.root.path for place in roots.places]
    for folder in (tempfile.gettempdir(), "/dev/shm", "/var/tmp"):  # noqa: S108 - mkdtemp's, 0700
        real = Path(os.path.realpath(folder))
        if real.is_dir() and not any(real.is_relative_to(root) for root in written):
            return folder
    raise WorkspaceError(
        "the roots hold every folder for temporary files, so git cannot be kept from what a "
        "repository holds; serve narrower roots, or trust them with --allow-git-hooks"
    )
