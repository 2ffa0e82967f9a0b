"""Kills a writer before each of its system calls, and looks at what is left.

A program: `python -m tests.support.workspace_killer FOLDER`. It prints one line for each fault that
it finds, and how often it killed at each kind of work.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codexmcp.workspace.files import put
from codexmcp.workspace.files.put import TEMPORARY
from codexmcp.workspace.files.writing import WriteConditions, replace_in_file, write_file
from codexmcp.workspace.paths.roots import Roots

_CALLS = ("write", "fsync", "fchmod", "fchown", "link", "replace", "unlink", "mkdir", "close")
OLD, NEW = b"old " * 50_000, b"new " * 70_000


def _kill_before(number: int) -> None:
    """Have this process killed before its nth system call of the kinds that change something."""
    left = number

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))


def _killed(number: int, work: Callable[[], object]) -> bool:
    """Do work in a child that is killed before its nth call; return whether it came that far."""
    child = os.fork()
    if child == 0:
        _kill_before(number)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _play(folder: Path, before: bytes | None, path: str, work: Callable[[Roots], object]) -> int:
    number = 0
    is_running = True
    while is_running:
        number += 1
        root = folder / f"at-{number}"
        root.mkdir()
        if before is not None:
            (root / path).write_bytes(before)
        roots = Roots.parse(str(root), root)
        is_running = _killed(number, lambda roots=roots: work(roots))  # type: ignore[misc]
        now = (root / path).read_bytes() if (root / path).exists() else None
        if now not in {before, NEW}:
            _tell(folder, number, f"a file of {len(now or b'')} bytes that is neither old nor new")
        left = [entry.name for entry in root.rglob("*") if entry.is_file() and entry != root / path]
        if any(not name.endswith(TEMPORARY) for name in left) or len(left) > 1:
            _tell(folder, number, f"left over: {left}")
        work(roots)
        if (root / path).read_bytes() != NEW:
            _tell(folder, number, "not written the next time")
    return number - 1


def _tell(folder: Path, number: int, fault: str) -> None:
    sys.stdout.write(f"{folder.name}, killed before call {number}: {fault}\n")


def _over(roots: Roots) -> None:
    write_file(roots, roots.locate("file"), NEW, WriteConditions())


def _new(roots: Roots) -> None:
    write_file(roots, roots.locate("sub/file"), NEW, WriteConditions(create_parents=True))


def _edit(roots: Roots) -> None:
    if roots.paths[0].joinpath("file").read_bytes() == OLD:
        replace_in_file(roots, roots.locate("file"), OLD.decode(), NEW.decode())


def main(folder: Path) -> None:
    """Play the kinds of work, on a file system that can do without names, and as on one without."""
    counts = []
    for kind in ("unnamed", "named"):
        if kind == "named":
            put._UNNAMED = 0
        for name, before, path, work in (
            ("over", OLD, "file", _over),
            ("new", None, "sub/file", _new),
            ("edit", OLD, "file", _edit),
        ):
            place = folder / f"{name}-{kind}"
            place.mkdir()
            counts.append(_play(place, before, path, work))
    sys.stdout.write(f"killed {' '.join(map(str, counts))} times\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
