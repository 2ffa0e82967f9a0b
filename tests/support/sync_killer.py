"""Kills a push and a clean before each of their writes, and looks at what is left.

A program: `python -m tests.support.sync_killer FOLDER`. It prints one line for each fault that it
finds, and how often it killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from codexmcp.home.sync.repository import MEMORY, SKILLS
from codexmcp.home.sync.use_cases import PushOptions
from tests.support.sync_places import OWNER, Sync, fill, tree

_WRITES = ("replace", "unlink", "mkdir", "rmdir", "fsync", "rename")
_FORCE = PushOptions(force=True)
Tree = dict[str, tuple[int, bytes | str | None]]


def kill_before(number: int) -> None:
    """Have this process killed before its nth write."""
    left = number
    guard = threading.Lock()

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            with guard:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in _WRITES:
        setattr(os, name, counted(getattr(os, name)))


def killed(number: int, work: Callable[[], object]) -> bool:
    """Do work in a child that is killed before its nth write; return whether it came that far."""
    child = os.fork()
    if child == 0:
        kill_before(number)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def is_ours(path: str) -> bool:
    """Return whether a file is one that a later run takes away or keeps for the owner."""
    name = path.rpartition("/")[2]
    return ".bak-" in name or name.endswith(".codexmcp-tmp") or name.startswith(".codexmcp")


def mixed(now: Tree, old: Tree, new: Tree) -> list[str]:
    """Return the paths at which there is neither what was nor what shall be."""
    paths = {path for path in now.keys() | old.keys() | new.keys() if not is_ours(path)}
    return sorted(path for path in paths if now.get(path) not in {old.get(path), new.get(path)})


def play(folder: Path, begin: Callable[[Sync], None], work: Callable[[Sync], object]) -> int:
    """Kill one kind of work before each of its writes, and finish it each time.

    Args:
        folder: Where to work.
        begin: Makes what the work begins with.
        work: The work.
    """
    sync = Sync(folder)
    fill(sync.home, OWNER)
    begin(sync)
    start = folder / "start"
    shutil.copytree(sync.home, start, symlinks=True)
    old = tree(sync.home)
    work(sync)
    new = tree(sync.home)
    number = 0
    is_running = True
    while is_running:
        number += 1
        shutil.rmtree(sync.home)
        shutil.copytree(start, sync.home, symlinks=True)
        is_running = killed(number, lambda: work(sync))
        faults = mixed(tree(sync.home), old, new)
        work(sync)
        faults += [f"not finished: {path}" for path in mixed(tree(sync.home), new, new)]
        sync.clean(_FORCE)
        after = tree(sync.home)
        faults += [f"not cleaned: {path}" for path in mixed(after, CLEAN, CLEAN)]
        faults += [path for path in after if path.endswith(".codexmcp-tmp")]
        for fault in faults:
            sys.stdout.write(f"{folder.name}, killed before write {number}: {fault}\n")
    return number - 1


CLEAN: Tree = {}


def change(sync: Sync) -> None:
    """Push, then change the repository and a file that was deployed."""
    sync.push()
    fill(sync.repository, {f"{MEMORY}/global.md": "# I\n", f"{SKILLS}/two/SKILL.md": "two\n"})
    (sync.repository / SKILLS / "one/scripts/run.sh").unlink()
    (sync.home / "planner.config.toml").write_text("edited = 1\n")


def _pushed(sync: Sync) -> None:
    sync.push()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main(folder: Path) -> None:
    """Play the kinds of work."""
    CLEAN.update(tree(fill(folder / "owner", OWNER)))
    counts = [
        play(_made(folder / "first"), lambda _: None, lambda sync: sync.push()),
        play(_made(folder / "next"), change, lambda sync: sync.push(_FORCE)),
        play(_made(folder / "clean"), _pushed, lambda sync: sync.clean()),
    ]
    sys.stdout.write(f"killed {' + '.join(map(str, counts))} times\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
