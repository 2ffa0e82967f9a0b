"""A skill's folder, read into values.

The only reader of skills. Promises: it opens regular files only, reads no more than a bound of
each, leaves a folder by no link, and changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SKILL_FILE = "SKILL.md"

READ_BYTES = 4 * 1024 * 1024
"""How much of a file is read. A skill's texts are far smaller, and what lies behind that bound is
not looked at."""

MOST_FILES = 2000
"""How many files of a skill are looked at; one with more is too big anyway."""


@dataclass(frozen=True, slots=True)
class SkillFile:
    """One entry of a skill's folder that is no folder itself.

    Attributes:
        path: Where it is, relative to the skill.
        size_bytes: Its size.
        is_executable: Whether anybody may execute it.
        is_link: Whether it is a symbolic link, to a file or to a folder.
        is_regular: Whether it is, or leads to, a file or folder that can be read.
        leaves: Whether it is a link that leads out of the skill's folder.
        data: Its first `READ_BYTES`; empty when it was not read.
        trouble: Why it could not be read; None when it could.
    """

    path: PurePosixPath
    size_bytes: int = 0
    is_executable: bool = False
    is_link: bool = False
    is_regular: bool = True
    leaves: bool = False
    data: bytes = b""
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class SkillFolder:
    """A skill as it lies on disk.

    Attributes:
        path: Its folder.
        files: What is in it, by relative path.
        folders: Its sub-folders, relative.
        is_whole: Whether all files were looked at.
        trouble: Why a part of it could not be read; None when all could.
    """

    path: Path
    files: dict[PurePosixPath, SkillFile]
    folders: frozenset[PurePosixPath]
    is_whole: bool = True
    trouble: str | None = None

    @property
    def skill_file(self) -> SkillFile | None:
        """Its SKILL.md."""
        return self.files.get(PurePosixPath(SKILL_FILE))


def read_skill(path: Path) -> SkillFolder:
    """Read a skill's folder.

    Args:
        path: The folder; what cannot be read is told in the result.
    """
    files, folders, trouble = dict[PurePosixPath, SkillFile](), set[PurePosixPath](), list[str]()
    home = path.resolve()
    for folder, names, found in os.walk(path, onerror=lambda error: trouble.append(str(error))):
        place = PurePosixPath(os.path.relpath(folder, path))
        # A link to a folder is an entry like a file: it is not followed.
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        names[:] = sorted(set(names) - set(links))
        folders.update(place / name for name in names)
        for name in sorted([*found, *links]):
            if len(files) >= MOST_FILES:
                return SkillFolder(path, files, frozenset(folders), is_whole=False)
            files[place / name] = _read_file(Path(folder) / name, place / name, home)
    return SkillFolder(path, files, frozenset(folders), trouble=next(iter(trouble), None))


def _read_file(path: Path, relative: PurePosixPath, home: Path) -> SkillFile:
    is_link = path.is_symlink()
    leaves = is_link and not path.resolve().is_relative_to(home)
    try:
        status = path.stat()
        data = b""
        if stat.S_ISREG(status.st_mode) and not leaves:
            with path.open("rb") as file:
                data = file.read(READ_BYTES)
    except OSError as error:
        return SkillFile(
            relative, is_link=is_link, leaves=leaves, trouble=error.strerror or str(error)
        )
    return SkillFile(
        relative,
        size_bytes=status.st_size if stat.S_ISREG(status.st_mode) else 0,
        is_executable=bool(status.st_mode & 0o111),
        is_link=is_link,
        is_regular=stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode),
        leaves=leaves,
        data=data,
    )


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder, by name; nothing when it cannot be read."""
    try:
        with os.scandir(folder) as found:
            yield from sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
