"""The folders that the tools may touch, and the doors to what lies in them.

Every path of a caller goes through here. A folder is opened anew for each call, so that one
that was put in a root's place counts.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import ConfigurationError, WorkspaceError
from codexmcp.workspace.paths.confined import Withheld, opened_file, opened_folder
from codexmcp.workspace.paths.confined_writing import opened_for_writing
from codexmcp.workspace.paths.locations import Location, Root, locate


@dataclass(frozen=True, slots=True)
class ConfinedDir:
    """A folder in a root, open as long as its context lasts.

    Attributes:
        fd: Its descriptor; what is reached from it cannot be swapped for something else.
        place: Where it is.
    """

    fd: int
    place: Location

    @property
    def path(self) -> str:
        """Its absolute path, to be shown; it may lead elsewhere by now."""
        return str(Path(self.place.root.path, *self.place.names))

    @property
    def child_cwd(self) -> str | None:
        """What to give to a child process as its folder; None where the system has no such path.

        Without it, the child has to call fchdir(2) with `fd`.
        """
        return f"/proc/self/fd/{self.fd}" if sys.platform == "linux" else None


class Roots:
    """The folders that are served.

    Args:
        roots: The folders; at least one.
        withheld: Files and folders that are not served though they may lie in a root.
    """

    def __init__(self, roots: Sequence[Root], withheld: Sequence[Path] = ()) -> None:
        self._roots = tuple(roots)
        self._withheld = Withheld(tuple(str(path) for path in withheld))

    @classmethod
    def parse(cls, text: str | None, base_dir: Path, withheld: Sequence[Path] = ()) -> Roots:
        """Return the folders that a setting names.

        Args:
            text: `AGENTOS_FS_ROOTS`: paths with `os.pathsep` between them; None or nothing but
                blanks for `base_dir` alone.
            base_dir: What relative paths begin at.
            withheld: Files and folders that are not served though they may lie in a root, such as
                the one with the tokens.

        Raises:
            ConfigurationError: One is not a folder, or the system cannot confine access to it.
        """
        if os.open not in os.supports_dir_fd:
            raise ConfigurationError(
                "file tools open files from their folder's descriptor, which this system cannot; "
                "run the server on Linux or macOS (or in WSL)"
            )
        named = [part.strip() for part in (text or "").split(os.pathsep)]
        roots: dict[str, Root] = {}
        for part in [part for part in named if part] or [str(base_dir)]:
            given = os.path.normpath(base_dir.absolute() / Path(part).expanduser())
            path = _real_folder(given)
            roots.setdefault(path, Root(path, given, is_first=not roots))
        return cls(list(roots.values()), withheld)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders, as their owner wrote them."""
        return tuple(Path(root.given) for root in self._roots)

    @property
    def places(self) -> tuple[Location, ...]:
        """The folders, as places."""
        return tuple(Location(root, ()) for root in self._roots)

    def locate(self, path: str) -> Location:
        """Return where a path leads, by its text alone.

        Raises:
            WorkspaceError: It leads out of the roots, or is no path.
        """
        return locate(path, self._roots)

    @contextlib.contextmanager
    def open_dir(self, place: Location, *, to_list: bool = True) -> Generator[ConfinedDir]:
        """Give a folder, open.

        Args:
            place: The folder.
            to_list: Whether it must be possible to list it; else only to pass through.

        Raises:
            WorkspaceError: It is missing, no folder, or a link leads there.
        """
        with opened_folder(place, self._withheld.identities(), to_list=to_list) as fd:
            yield ConfinedDir(fd, place)

    def is_file(self, place: Location) -> bool:
        """Return whether something is a regular file; what is missing is none.

        Raises:
            WorkspaceError: Its folder cannot be opened.
        """
        if not place.names:
            return False
        with self.open_dir(place.first(len(place.names) - 1), to_list=False) as folder:
            try:
                status = os.stat(place.names[-1], dir_fd=folder.fd, follow_symlinks=False)
            except OSError:
                return False
        return stat.S_ISREG(status.st_mode)

    def withheld_below(self, place: Location) -> tuple[str, ...]:
        """Return the paths, from a folder, of what is not served though it lies in it.

        Args:
            place: The folder.
        """
        folder = "/".join((place.root.path.rstrip("/"), *place.names))
        real = [os.path.realpath(path) for path in self._withheld.paths]
        return tuple(os.path.relpath(path, folder) for path in real if is_below(path, folder))

    @contextlib.contextmanager
    def open_file(self, place: Location) -> Generator[tuple[int, os.stat_result]]:
        """Give the descriptor of a regular file, for reading, and what is known of it.

        Raises:
            WorkspaceError: It is missing, no regular file, or a link leads there.
        """
        if not place.names:
            raise WorkspaceError(f"{place} is a folder, not a file; name a file in it")
        withheld = self._withheld.identities()
        with (
            opened_folder(place.first(len(place.names) - 1), withheld, to_list=False) as folder,
            opened_file(folder, place, withheld) as opened,
        ):
            yield opened

    @contextlib.contextmanager
    def open_to_write(self, place: Location, *, create_parents: bool = False) -> Generator[int]:
        """Give the descriptor of the folder of a file that is to be written.

        Args:
            place: The file.
            create_parents: Whether to make the folders that are missing.

        Raises:
            WorkspaceError: A folder is missing or not one, a link leads there, or git owns it.
        """
        withheld = self._withheld.identities()
        with opened_for_writing(place, withheld, create_parents=create_parents) as folder:
            yield folder

    @contextlib.contextmanager
    def open_in(self, folder: int, place: Location) -> Generator[tuple[int, os.stat_result]]:
        """Give the descriptor of a regular file in an open folder, and what is known of it.

        Raises:
            WorkspaceError: It is missing, no regular file, or a link.
        """
        with opened_file(folder, place, self._withheld.identities()) as opened:
            yield opened


def is_below(path: str, folder: str) -> bool:
    """Return whether a path leads to something in a folder, by their texts alone."""
    return path.startswith(folder.rstrip("/") + "/")


def _real_folder(given: str) -> str:
    try:
        path = os.path.realpath(given, strict=True)
        found = Path(path).is_dir()
    except OSError as error:
        reason = error.strerror
    else:
        if found:
            return path
        reason = "not a folder"
    raise ConfigurationError(
        f"{given} cannot be served ({reason}); make the folder, or name others in AGENTOS_FS_ROOTS"
    )
