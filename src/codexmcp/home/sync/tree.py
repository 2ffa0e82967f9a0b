"""Reads folders whole, without following a link that leads out of them.

Reads only.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError

IGNORED = frozenset({".git", ".DS_Store", "Thumbs.db", "__pycache__", ".gitkeep"})
"""Names that no skill or memory consists of."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file in a folder.

    Attributes:
        path: Relative to the folder, with `/`.
        real: Where it lies, its links followed.
        size: Its size in bytes.
        is_executable: Whether its owner may run it.
    """

    path: str
    real: str
    size: int
    is_executable: bool


@dataclass(frozen=True, slots=True)
class Skipped:
    """What is in a folder and is not taken.

    Attributes:
        path: Relative to the folder, with `/`.
        reason: Why not.
    """

    path: str
    reason: str


def walk(folder: Path, root: Path) -> Iterator[TreeFile | Skipped]:
    """Yield the files below a folder, sorted, and what is passed over.

    Args:
        folder: The folder; a missing one is empty.
        root: The folder that links must not lead out of; must be resolved.

    Raises:
        ConfigurationError: A folder cannot be read.
    """
    yield from _walk(str(folder), "", str(root), frozenset())


def read_bytes(file: TreeFile) -> bytes:
    """Return what a file holds.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        with open(file.real, "rb") as opened:  # noqa: PTH123 - thousands of times, and twice as fast
            return opened.read()
    except OSError as error:
        raise ConfigurationError(f"cannot read {file.real}: {error.strerror}") from None


def _walk(
    folder: str, prefix: str, root: str, above: frozenset[str]
) -> Iterator[TreeFile | Skipped]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigurationError(f"cannot read {folder}: {error.strerror}") from None
    for entry in entries:
        if entry.name in IGNORED:
            continue
        path = prefix + entry.name
        real = entry.path
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if os.path.commonpath([real, root]) != root:
                yield Skipped(path, f"it is a link that leads out, to {real}")
                continue
        try:
            status = os.stat(real)  # noqa: PTH116 - as above
        except OSError as error:
            yield Skipped(path, f"it cannot be read: {error.strerror}")
            continue
        if stat.S_ISREG(status.st_mode):
            is_executable = bool(status.st_mode & stat.S_IXUSR)
            yield TreeFile(path, real, status.st_size, is_executable)
        elif not stat.S_ISDIR(status.st_mode):
            yield Skipped(path, "it is neither a file nor a folder")
        elif real in above:
            yield Skipped(path, "its links form a loop")
        else:
            yield from _walk(real, f"{path}/", root, above | {real})
