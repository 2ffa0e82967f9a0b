"""Looks at the files in which ripgrep found something, through the door that all go through.

ripgrep opens files by their path, and a folder on the way may be swapped for a link meanwhile. So a
hit counts, and its text is shown, only when the file that `confined` opens has that text there.
"""

from __future__ import annotations

import codecs
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.reading import read_up_to
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.search.hits import Hit

_MAX_MARKED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Match:
    """A line that was found.

    Attributes:
        place: The file.
        line: Its number, from 1.
        column: Where in the line the first match begins, in bytes, from 1.
        text: The line, or the part of it around the first match.
        is_whole: Whether it is the whole line.
    """

    place: Location
    line: int
    column: int
    text: str
    is_whole: bool


def checked(roots: Roots, base: Location, hits: Iterable[Hit]) -> list[Match]:
    """Return the hits that are true, ordered by path and line.

    Args:
        roots: The roots.
        base: The folder from which the hits' paths are, or the file that was searched.
        hits: The hits.
    """
    ordered = sorted(hits, key=lambda hit: (hit.path, hit.line))
    found: list[Match] = []
    for folder, group in itertools.groupby(ordered, key=lambda hit: hit.path.rpartition(b"/")[0]):
        with contextlib.suppress(WorkspaceError):
            found.extend(_in_folder(roots, base, folder, group))
    return found


def _in_folder(roots: Roots, base: Location, path: bytes, hits: Iterable[Hit]) -> Iterator[Match]:
    """Yield the hits that are true, of files in one folder."""
    by_file = itertools.groupby(hits, key=lambda hit: hit.path)
    if path == b"":
        # Nothing but what ripgrep read from its standard input is without a folder.
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
            # ripgrep counts from behind a mark at the beginning, and in UTF-8.
            transcoded = _as_ripgrep_sees(file) if transcoded is None else transcoded
            if transcoded[at : at + len(wanted)] != wanted:
                continue
        shown = wanted.rstrip(b"\r\n").decode("utf-8", "replace")
        yield Match(place, hit.line, hit.start + 1, shown, hit.is_whole)


def _as_ripgrep_sees(file: int) -> bytes:
    """Return a file that begins with a mark as UTF-8 without the mark; nothing for all others."""
    head = read_up_to(file, len(codecs.BOM_UTF8))
    if head == codecs.BOM_UTF8:
        return read_up_to(file, _MAX_MARKED_BYTES, len(head))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return read_up_to(file, _MAX_MARKED_BYTES).decode("utf-16", "replace").encode()
    return b""
