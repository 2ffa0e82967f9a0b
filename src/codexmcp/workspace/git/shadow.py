"""A stand-in for a repository's configuration.

git reads configuration and hooks from the repository's common folder. The stand-in is a common
folder outside the roots, with links to the real objects and refs, and with harmless settings only.
git therefore starts no program from the repository, even after concurrent changes.

Source: gitrepository-layout(5) on the contents of GIT_COMMON_DIR. Linux and macOS.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Iterable
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.git.config import Setting, render
from codexmcp.workspace.git.place import GitRepository, absolute
from codexmcp.workspace.paths.roots import Roots

_LINKED = ("objects", "refs", "reftable", "packed-refs", "logs", "info", "shallow", "worktrees")

PROTOCOLS = "https:http:ssh:git"
"""Refused transports: local folders, with hooks on this machine, and programs."""


@contextlib.contextmanager
def shadowed(
    roots: Roots, repository: GitRepository, settings: Iterable[Setting]
) -> Generator[dict[str, str]]:
    """Provide the variables for git without the repository's configuration.

    Args:
        roots: The stand-in is outside these.
        repository: The repository, checked.
        settings: The settings in effect.

    Raises:
        WorkspaceError: No folder is available for the stand-in.
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
    # Otherwise the first commit's reflog would go to the stand-in.
    (real / "logs").mkdir(exist_ok=True)
    (folder / "config").write_bytes(config)
    for entry in _LINKED:
        # A missing file is created at the target of its link.
        if entry in {"packed-refs", "shallow"} or (real / entry).exists():
            (folder / entry).symlink_to(real / entry)


def _place(roots: Roots) -> str:
    """Return a folder for temporary files out of reach of the tools."""
    written = [place.root.path for place in roots.places]
    for folder in (tempfile.gettempdir(), "/dev/shm", "/var/tmp"):  # noqa: S108 - mkdtemp's, 0700
        real = Path(os.path.realpath(folder))
        if real.is_dir() and not any(real.is_relative_to(root) for root in written):
            return folder
    raise WorkspaceError(
        "the roots hold every folder for temporary files, so git cannot be kept from what a "
        "repository holds; serve narrower roots, or trust them with --allow-git-hooks"
    )
