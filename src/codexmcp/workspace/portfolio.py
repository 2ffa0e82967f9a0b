"""The portfolio: a folder of texts about its owner, readable by every client.

Each answer reflects the current files. Hidden files, links and other entries are excluded.
"""

from __future__ import annotations

import mimetypes
import os
import urllib.parse
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.listing import ListedEntry, list_folder
from codexmcp.workspace.files.reading import decoded, read_up_to, read_whole
from codexmcp.workspace.paths.locations import Location, Root
from codexmcp.workspace.paths.roots import Roots

SCHEME = "portfolio://"
MAX_FILES = 1000
MAX_DEPTH = 8
MAX_BYTES = 4 * 1024 * 1024
"""Bound on the size of a file, since a whole file is a single answer."""

_HEAD_BYTES = 4096
_MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class PortfolioFile:
    """A file of the portfolio.

    Attributes:
        filename: The path in the folder, with `/`.
        size_bytes: The size.
        modified_s: The time of the last change, in seconds since 1970.
        title: The first heading, or None.
    """

    filename: str
    size_bytes: int
    modified_s: float
    title: str | None = None

    @property
    def name(self) -> str:
        """The filename without its extension."""
        return str(PurePosixPath(self.filename).with_suffix(""))

    @property
    def uri(self) -> str:
        """The URI of the resource."""
        return SCHEME + urllib.parse.quote(self.filename)

    @property
    def mime_type(self) -> str:
        """The MIME type, by extension."""
        if self.filename.lower().endswith((".md", ".markdown")):
            return "text/markdown"
        return mimetypes.guess_type(self.filename)[0] or "text/plain"


class Portfolio:
    """A portfolio.

    Args:
        folder: The folder; may be missing.
        withheld: Files and folders not served, although in the folder.
    """

    def __init__(self, folder: Path, withheld: Sequence[Path] = ()) -> None:
        given = str(folder.absolute())
        self._folder = Root(os.path.realpath(given), given, is_first=True)
        self._roots = Roots([self._folder], withheld)

    def files(self) -> list[PortfolioFile]:
        """Return the files, sorted by filename.

        Raises:
            WorkspaceError: The folder is missing or unreadable.
        """
        return [self._known(entry) for entry in self._entries()]

    def names(self) -> tuple[str, ...]:
        """Return the sorted filenames; empty without a folder."""
        try:
            return tuple("/".join(entry.names) for entry in self._entries())
        except WorkspaceError:
            return ()

    def read(self, name: str) -> tuple[PortfolioFile, str]:
        """Return a file and its current text.

        Args:
            name: A filename, with or without extension, or a `portfolio://` URI.

        Raises:
            WorkspaceError: No such file, an ambiguous name, or not a text.
        """
        entries = self._entries()
        entry = _named(name, entries)
        place = Location(self._folder, entry.names)
        with self._roots.open_file(place) as (file, status):
            text = decoded(read_whole(file, status, place, MAX_BYTES), place)
        filename = "/".join(entry.names)
        known = PortfolioFile(filename, status.st_size, status.st_mtime, title_of(text))
        return known, text

    def _entries(self) -> list[ListedEntry]:
        if not Path(self._folder.path).is_dir():
            raise WorkspaceError(
                f"there is no portfolio: the folder {self._folder.given} does not exist; make it, "
                "and put texts in it"
            )
        top = Location(self._folder, ())
        entries, _ = list_folder(self._roots, top, MAX_DEPTH, (), MAX_FILES)
        return [entry for entry in entries if entry.kind == "file" and _is_served(entry)]

    def _known(self, entry: ListedEntry) -> PortfolioFile:
        place = Location(self._folder, entry.names)
        try:
            with self._roots.open_file(place) as (file, _):
                title = title_of(read_up_to(file, _HEAD_BYTES).decode("utf-8", "replace"))
        except WorkspaceError:
            # Unreadable files are listed; a read reports the reason.
            title = None
        return PortfolioFile("/".join(entry.names), entry.size_bytes or 0, entry.modified_s, title)


def _is_served(entry: ListedEntry) -> bool:
    return not any(name.startswith(".") or not name.isprintable() for name in entry.names)


def title_of(text: str) -> str | None:
    """Return the first heading of a Markdown text, or None."""
    for line in text.splitlines():
        if line.startswith("# "):
            return line[2:].strip()[:_MAX_TITLE] or None
    return None


def _named(name: str, entries: list[ListedEntry]) -> ListedEntry:
    """Return the entry for a name: exact filename before stem, before other case."""
    wanted = name
    if name[: len(SCHEME)].lower() == SCHEME:
        wanted = urllib.parse.unquote(name[len(SCHEME) :]).strip("/")
    for fold in (str, str.casefold):
        for shape in (str, _stem):
            found = [
                entry for entry in entries if fold(shape("/".join(entry.names))) == fold(wanted)
            ]
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join("/".join(entry.names) for entry in found)
                raise WorkspaceError(f"{name!r} may mean several files ({names}); give a filename")
    raise WorkspaceError(
        f"{name!r} is not in the portfolio; list_portfolio_files gives the names of all files"
    )


def _stem(filename: str) -> str:
    return str(PurePosixPath(filename).with_suffix(""))
