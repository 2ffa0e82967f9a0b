"""The folders accessible to the tools, and the access to their contents.

Every path of a caller passes through here. A folder is opened again for each call, so a replaced
root takes effect.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError, WorkspaceError
from codexmcp.workspace.paths.confined import Withheld, opened_file, opened_folder
from codexmcp.workspace.paths.confined_writing import opened_for_writing
from codexmcp.workspace.paths.locations import Location, Root, locate
from codexmcp.workspace.paths.startup_files import refuse_startup_file


@dataclass(frozen=True, slots=True)
class ConfinedDir:
    """A folder in a root, open for the duration of its context.

    Attributes:
        fd: The descriptor; entries reached through it cannot be redirected.
        place: The location.
    """

    fd: int
    place: Location

    @property
    def path(self) -> str:
        """The absolute path, for messages only; by now the path may lead elsewhere."""
        return str(Path(self.place.root.path, *self.place.names))

    @property
    def child_cwd(self) -> str | None:
        """The working directory for a child process; None on systems without such a path.

        Without it, the child has to call fchdir(2) with `fd`.
        """
        return f"/proc/self/fd/{self.fd}" if sys.platform == "linux" else None


class Roots:
    """The served folders.

    Args:
        roots: At least one folder.
        withheld: Files and folders not served, although in a root.
        allow_startup_files: Permit writing files that start programs.
    """

    def __init__(
        self,
        roots: Sequence[Root],
        withheld: Sequence[Path] = (),
        *,
        allow_startup_files: bool = False,
    ) -> None:
        self._roots = tuple(roots)
        self._allow_startup_files = allow_startup_files
        self._withheld = Withheld(tuple(str(path) for path in withheld))

    @classmethod
    def parse(
        cls,
        text: str | None,
        base_dir: Path,
        withheld: Sequence[Path] = (),
        *,
        allow_startup_files: bool = False,
    ) -> Roots:
        """Return the folders of a setting.

        Args:
            text: `AGENTOS_FS_ROOTS`: paths separated by `os.pathsep`; None or blank means
                `base_dir` alone.
            base_dir: The base of relative paths.
            withheld: Files and folders not served, although in a root, such as the folder of the
                tokens.
            allow_startup_files: Permit writing files that start programs.

        Raises:
            ConfigurationError: A path is not a folder, or the system cannot confine access to it.
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
        return cls(list(roots.values()), withheld, allow_startup_files=allow_startup_files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders as written by their owner."""
        return tuple(Path(root.given) for root in self._roots)

    @property
    def places(self) -> tuple[Location, ...]:
        """The folders as locations."""
        return tuple(Location(root, ()) for root in self._roots)

    def locate(self, path: str) -> Location:
        """Return the location of a path, by its text alone.

        Raises:
            WorkspaceError: The path is invalid or outside the roots.
        """
        return locate(path, self._roots)

    @contextlib.contextmanager
    def open_dir(self, place: Location, *, to_list: bool = True) -> Generator[ConfinedDir]:
        """Open a folder.

        Args:
            place: The folder.
            to_list: Require the right to list the folder; otherwise only to traverse.

        Raises:
            WorkspaceError: Missing, not a folder, or behind a link.
        """
        with opened_folder(place, self._withheld.identities(), to_list=to_list) as fd:
            yield ConfinedDir(fd, place)

    def is_file(self, place: Location) -> bool:
        """Return True for an existing regular file.

        Raises:
            WorkspaceError: The file's folder is not accessible.
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
        """Return the withheld paths inside a folder, relative to it."""
        folder = "/".join((place.root.path.rstrip("/"), *place.names))
        real = [os.path.realpath(path) for path in self._withheld.paths]
        return tuple(os.path.relpath(path, folder) for path in real if is_below(path, folder))

    @contextlib.contextmanager
    def open_file(self, place: Location) -> Generator[tuple[int, os.stat_result]]:
        """Provide the descriptor of a regular file for reading, and its status.

        Raises:
            WorkspaceError: Missing, not a regular file, or behind a link.
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
        """Provide the descriptor of the folder of a file to write.

        Args:
            place: The file.
            create_parents: Create missing folders.

        Raises:
            WorkspaceError: A folder is missing, not a folder, behind a link, or git's own; or the
                file is withheld or starts programs.
        """
        refuse_startup_file(place, allowed=self._allow_startup_files)
        self._withheld.refuse_new(place)
        withheld = self._withheld.identities()
        with opened_for_writing(place, withheld, create_parents=create_parents) as folder:
            yield folder

    @contextlib.contextmanager
    def open_in(self, folder: int, place: Location) -> Generator[tuple[int, os.stat_result]]:
        """Provide the descriptor of a regular file in an open folder, and its status.

        Raises:
            WorkspaceError: Missing, not a regular file, or a link.
        """
        with opened_file(folder, place, self._withheld.identities()) as opened:
            yield opened


def is_below(path: str, folder: str) -> bool:
    """Return True if a path is inside a folder, by their texts alone."""
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
