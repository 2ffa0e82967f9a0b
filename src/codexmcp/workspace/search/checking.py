"""Verify ripgrep's hits through the confined access of all tools.

ripgrep opens files by path, and a folder on the way may be replaced with a link. A hit therefore
counts only if the file opened by `confined` contains the same text at the same position.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.reading import read_up_to
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.hits import Hit

_MAX_MARKED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Match:
    """A matching line.

    Attributes:
        place: The file.
        line: The line number, from 1.
        column: The byte position of the first match in the line, from 1.
        text: The line, or the part around the first match.
        is_whole: The text is the whole line.
    """

    place: Location
    line: int
    column: int
    text: str
    is_whole: bool


def checked(roots: Roots, base: Location, hits: Iterable[Hit]) -> list[Match]:
    """Return the verified hits, ordered by path and line.

    Args:
        roots: The roots.
        base: The base folder of the hits' paths, or the searched file.
        hits: The hits.
    """
    ordered = sorted(hits, key=lambda hit: (hit.path, hit.line))
    found: list[Match] = []
    for folder, group in itertools.groupby(ordered, key=lambda hit: hit.path.rpartition(b"/")[0]):
        with contextlib.suppress(WorkspaceError):
            found.extend(_in_folder(roots, base, folder, group))
    return found


def _in_folder(roots: Roots, base: Location, path: bytes, hits: Iterable[Hit]) -> Iterator[Match]:
    """Yield the verified hits of files in a single folder."""
    by_file = itertools.groupby(hits, key=lambda hit: hit.path)
    if path == b"":
        # Only ripgrep's standard input has no folder.
        with roots.open_file(base) as (file, _):
            for _, group in by_file:
                yield from _in_file(file, base, group)
        return
    names = [name for name in os.fsdecode(path).split("/") if name not in {"", "."}]
    if ".." in names or path.startswith(b"/"):
        return
    place = Location(base.root, (*base.names, *names))
    with roots.open_dir(place, to_list=False) as folder:
        for file_path, group in by_file:
            file_place = place.child(os.fsdecode(file_path.rpartition(b"/")[2]))
            with (
                contextlib.suppress(WorkspaceError),
                roots.open_in(folder.fd, file_place) as (file, _),
            ):
                yield from _in_file(file, file_place, group)


def _in_file(file: int, place: Location, hits: Iterable[Hit]) -> Iterator[Match]:
    transcoded: bytes | None = None
    for hit in hits:
        at = hit.offset_bytes + hit.skipped_bytes
        wanted = hit.data
        if read_up_to(file, len(wanted), at) != wanted:
            # ripgrep counts positions in UTF-8, after a byte order mark.
            transcoded = _as_ripgrep_sees(file) if transcoded is None else transcoded
            if transcoded[at : at + len(wanted)] != wanted:
                continue
        shown = wanted.rstrip(b"\r\n").decode("utf-8", "replace")
        yield Match(place, hit.line, hit.start + 1, shown, hit.is_whole)


def _as_ripgrep_sees(file: int) -> bytes:
    """Return a file with a byte order mark as UTF-8 without the mark; empty for other files."""
    head = read_up_to(file, len(codecs.BOM_UTF8))
    if head == codecs.BOM_UTF8:
        return read_up_to(file, _MAX_MARKED_BYTES, len(head))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return read_up_to(file, _MAX_MARKED_BYTES).decode("utf-16", "replace").encode()
    return b""
