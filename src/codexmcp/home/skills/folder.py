"""A skill's folder as values.

The only reader of skills. Guarantees: opens regular files only, with a bound on the size read;
follows no link out of a folder; changes nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from codexmcp.data_classes import dataclass

SKILL_FILE = "SKILL.md"

READ_BYTES = 4 * 1024 * 1024
"""Bound on the bytes read of a file. A skill's texts are far smaller; the rest is not checked."""

MOST_FILES = 2000
"""Bound on the files checked per skill; a skill with more files is too large anyway."""


@dataclass(frozen=True, slots=True)
class SkillFile:
    """An entry of a skill's folder, not itself a folder.

    Attributes:
        path: The path relative to the skill.
        size_bytes: The size.
        is_executable: Executable by anybody.
        is_link: A symbolic link to a file or folder.
        is_regular: A readable file or folder, possibly through a link.
        leaves: A link out of the skill's folder.
        data: The first `READ_BYTES`; empty if not read.
        trouble: The read error; None after a successful read.
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
    """A skill on disk.

    Attributes:
        path: The skill's folder.
        files: Its files, by relative path.
        folders: Its sub-folders, relative.
        is_whole: All files were checked.
        trouble: A read error for a part of the folder; None without errors.
    """

    path: Path
    files: dict[PurePosixPath, SkillFile]
    folders: frozenset[PurePosixPath]
    is_whole: bool = True
    trouble: str | None = None

    @property
    def skill_file(self) -> SkillFile | None:
        """The SKILL.md."""
        return self.files.get(PurePosixPath(SKILL_FILE))


def read_skill(path: Path) -> SkillFolder:
    """Read a skill's folder; the result includes read errors."""
    files, folders, trouble = dict[PurePosixPath, SkillFile](), set[PurePosixPath](), list[str]()
    home = path.resolve()
    for folder, names, found in os.walk(path, onerror=lambda error: trouble.append(str(error))):
        place = PurePosixPath(os.path.relpath(folder, path))
        # A link to a folder is an entry like a file, and not followed.
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
    """Yield a folder's entries, by name; an unreadable folder is empty."""
    try:
        with os.scandir(folder) as found:
            yield from sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
