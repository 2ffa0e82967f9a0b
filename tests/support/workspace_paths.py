"""A tree full of traps, and any number of paths that try to get out of it."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.support.workspace_tools import fill

SECRET = "kept outside"

_INSIDE = ["a", "b", "file", "src", "sub.d", "Grüße", "日本", "e\u0301", "x y", "back\\slash", "C:"]
_TRAPS = [
    "..",
    ".",
    "",
    "...",
    ".. ",
    "..\\",
    "..\0",
    "%2e%2e",
    "%2e%2e%2f",
    "\uff0e\uff0e",
    "\u2025",
    "..\u2215",
    "..\uff0f",
    "\u200b..",
    ".\u202e.",
    "\udcc0\udcae",
    "~",
    "~root",
    "$HOME",
    "a" * 300,
    "nul",
    "file:stream",
    "\n",
    "-rf",
    "*",
]
_LINKS = ["to-inside", "to-file", "to-outside", "to-secret", "to-root", "loop", "dangling", "up"]
_SPECIAL = ["pipe", "socket", "device", ".git", ".GIT", "git~1", "bare"]


def make_tree(top: Path) -> Path:
    """Make the tree and what must not be reached beside it; return the tree's root."""
    root = top / "root"
    for folder in (top / "outside", top / "root-too", top):
        fill(folder, {"file": SECRET, "a/file": SECRET})
    for folder in (root, root / "a", root / "a/b", root / "src", root / "sub.d"):
        fill(folder, {name: "inside" for name in _INSIDE if name not in {"a", "b", "src", "sub.d"}})
        _set_traps(folder, root, top)
    fill(root, {".git/config": "git", "bare/HEAD": "", "bare/objects/x": "", "bare/refs/x": ""})
    return root


def _set_traps(folder: Path, root: Path, top: Path) -> None:
    targets: dict[str, Path | str] = {
        "to-inside": root / "src",
        "to-file": root / "file",
        "to-outside": top / "outside",
        "to-secret": top / "file",
        "to-root": "/",
        "loop": "loop",
        "dangling": "nowhere",
        "up": "..",
    }
    for name, target in targets.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, _entered(folder):
        # The path of a socket is short.
        listener.bind("socket")
    with contextlib.suppress(PermissionError):
        os.mknod(folder / "device", 0o20666, os.makedev(1, 5))


@contextlib.contextmanager
def _entered(folder: Path) -> Iterator[None]:
    with contextlib.chdir(folder):
        yield


def paths(root: Path, count: int, seed: int) -> Iterator[str]:
    """Yield paths: good ones, traps, and mixtures; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - the same paths each time
    starts = [*[""] * 6, f"{root}/", f"{root}/", "/", "//", f"{root}-too/", f"{root.parent}/"]
    starts += ["C:\\", "\\\\?\\", "/proc/self/root/", f"{root}/../", f"{root}/./"]
    for _ in range(count):
        pools = chance.choices([_INSIDE, _TRAPS, _LINKS, _SPECIAL], [10, 2, 2, 2], k=5)
        names = [chance.choice(pool) for pool in pools[: chance.randint(1, 5)]]
        separators = chance.choices(["/", "//", "/./", "\\"], [12, 1, 1, 1], k=5)
        path = chance.choice(starts) + "".join(
            name + separator for name, separator in zip(names, separators, strict=False)
        )
        yield _disturbed(path.rstrip("/") if chance.random() < 0.9 else path, chance)


def _disturbed(path: str, chance: random.Random) -> str:
    if chance.random() < 0.8 or not path:
        return path
    at = chance.randrange(len(path))
    return chance.choice(
        [
            path[:at] + chance.choice("./\\~\0\u200d\u202eA") + path[at:],
            path[:at] + path[at + 1 :],
            path.swapcase(),
            path * 2,
            path + "/..",
        ]
    )
