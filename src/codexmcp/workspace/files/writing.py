"""Writes whole files, and replaces a snippet in one.

A snippet must be found exactly once; else the file is not touched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.put import Spot, changed, put_new, put_over
from codexmcp.workspace.files.reading import read_whole
from codexmcp.workspace.files.snippet import only_place_of
from codexmcp.workspace.paths.confined import has_entry
from codexmcp.workspace.paths.confined_writing import refuse_new_name
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

MAX_BYTES = 16 * 1024 * 1024
"""The largest file that is written, or edited."""

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        size_bytes: The file's size.
        sha256: Of the file, in hexadecimal.
        is_new: Whether there was none before.
        line: The line in which the replaced snippet began, counted from 1; 0 for a whole file.
    """

    size_bytes: int
    sha256: str
    is_new: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a whole file is written.

    Attributes:
        create_parents: Whether to make the folders that are missing.
        must_not_exist: Whether there must be no such file.
        expected_sha256: What the file must be now, in hexadecimal; None for anything.
    """

    create_parents: bool = False
    must_not_exist: bool = False
    expected_sha256: str | None = None


def data_of(content: str, encoding: str) -> bytes:
    """Return the bytes to write.

    Args:
        content: Text, or bytes in base64.
        encoding: `utf-8` or `base64`.

    Raises:
        WorkspaceError: It is too large, or not what the encoding says.
    """
    try:
        data = (
            base64.b64decode(content, validate=True) if encoding == "base64" else content.encode()
        )
    except binascii.Error as error:
        raise WorkspaceError(f"the content is not base64: {error}; nothing was written") from None
    except UnicodeEncodeError as error:
        raise WorkspaceError(
            f"the content is not valid Unicode at character {error.start} (half of a surrogate "
            "pair); nothing was written"
        ) from None
    if len(data) > MAX_BYTES:
        raise WorkspaceError(
            f"the content has {len(data)} bytes, and {MAX_BYTES} is the most; nothing was written"
        )
    return data


def write_file(roots: Roots, place: Location, data: bytes, terms: Terms) -> Written:
    """Write a whole file.

    Args:
        roots: The roots.
        place: The file.
        data: Its content.
        terms: What must be so before.

    Raises:
        WorkspaceError: It cannot be written, or the terms do not hold; then nothing changed.
    """
    with roots.open_to_write(place, create_parents=terms.create_parents) as folder:
        spot = Spot(folder, place)
        # Each time somebody else has made or removed the file just before us.
        for _ in range(_TRIES):
            is_new = not has_entry(folder, place.names[-1])
            try:
                if is_new:
                    _write_new(spot, data, terms)
                else:
                    _write_over(roots, spot, data, terms)
            except FileExistsError:
                if terms.must_not_exist:
                    raise _exists(place) from None
                continue
            return Written(len(data), hashlib.sha256(data).hexdigest(), is_new)
        raise changed(place)


def _write_new(spot: Spot, data: bytes, terms: Terms) -> None:
    if terms.expected_sha256 is not None:
        raise WorkspaceError(
            f"{spot.place} does not exist, and it was expected to have the SHA-256 "
            f"{terms.expected_sha256}; nothing was written: list its folder"
        )
    refuse_new_name(spot.place)
    put_new(spot, data)


def _write_over(roots: Roots, spot: Spot, data: bytes, terms: Terms) -> None:
    with roots.open_in(spot.folder, spot.place) as (file, before):
        if terms.must_not_exist:
            raise _exists(spot.place)
        if terms.expected_sha256 is not None:
            now = read_whole(file, before, spot.place, MAX_BYTES)
            if hashlib.sha256(now).hexdigest() != terms.expected_sha256.lower():
                raise WorkspaceError(
                    f"{spot.place} is not what it was expected to be (another SHA-256); nothing "
                    "was written: read it again"
                )
        put_over(spot, data, before, only_if_same=terms.expected_sha256 is not None)


def _exists(place: Location) -> WorkspaceError:
    return WorkspaceError(
        f"{place} exists already; nothing was changed: read it first, or choose another name"
    )


def replace_in_file(roots: Roots, place: Location, old: str, new: str) -> Written:
    """Replace a snippet, which the file must hold exactly once; every other byte stays.

    Args:
        roots: The roots.
        place: The file.
        old: The snippet.
        new: What comes in its place.

    Raises:
        WorkspaceError: It is not found, found more than once, or the file was changed meanwhile;
            then the file is as it was.
    """
    snippet, successor = data_of(old, "utf-8"), data_of(new, "utf-8")
    with (
        roots.open_to_write(place) as folder,
        roots.open_in(folder, place) as (file, before),
    ):
        data = read_whole(file, before, place, MAX_BYTES)
        at = only_place_of(snippet, data, place)
        edited = data[:at] + successor + data[at + len(snippet) :]
        if len(edited) > MAX_BYTES:
            raise WorkspaceError(
                f"{place} would have {len(edited)} bytes, and {MAX_BYTES} is the most; nothing was "
                "changed"
            )
        put_over(Spot(folder, place), edited, before, only_if_same=True)
    line = data.count(b"\n", 0, at) + 1
    return Written(len(edited), hashlib.sha256(edited).hexdigest(), line=line)
