"""Writes to a disk that is full.

A program, to be started in a mount namespace of its own: `python -m tests.support.workspace_full
FOLDER`. It mounts a small disk there, and ends with an assertion when something is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files import put
from codexmcp.workspace.files.writing import WriteConditions, replace_in_file, write_file
from codexmcp.workspace.paths.roots import Roots
from tests.support.workspace_tools import fill, tree

_SIZE_BYTES = 256 * 1024


def _refused(work: Callable[[], object]) -> None:
    try:
        work()
    except WorkspaceError as error:
        told = str(error)
    else:
        told = "it was written"
    assert "the disk is full" in told, told


def _check(root: Path) -> None:
    roots = Roots.parse(str(root), root)
    large = b"x" * _SIZE_BYTES
    fill(root, {"file": "small"})
    before = tree(root)
    _refused(lambda: write_file(roots, roots.locate("file"), large, WriteConditions()))
    _refused(lambda: write_file(roots, roots.locate("new"), large, WriteConditions()))
    parents = WriteConditions(create_parents=True)
    _refused(lambda: write_file(roots, roots.locate("a/b/new"), large, parents))
    _refused(lambda: replace_in_file(roots, roots.locate("file"), "small", large.decode()))
    assert tree(root) == before
    write_file(roots, roots.locate("file"), b"y" * (_SIZE_BYTES // 4), WriteConditions())


def main(root: Path) -> None:
    """Write to a full disk, with and without files that have no name."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "tmpfs", str(root)]
    subprocess.run(mount, check=True)
    _check(root)
    put._UNNAMED = 0
    _check(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
