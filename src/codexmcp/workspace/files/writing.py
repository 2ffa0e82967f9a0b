"""Write whole files, and replace a snippet in a file.

The snippet must occur exactly once; otherwise the file stays unchanged.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.workspace.files.put import FileDestination, changed, put_new, put_over
from codexmcp.workspace.files.reading import read_whole
from codexmcp.workspace.paths.confined import has_entry
from codexmcp.workspace.paths.confined_writing import refuse_new_name
from codexmcp.workspace.paths.locations import Location
from codexmcp.workspace.paths.roots import Roots

MAX_BYTES = 16 * 1024 * 1024
"""Bound on the size of a written or edited file."""

_TRIES = 20

_MAX_COUNTED = 100


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of a write.

    Attributes:
        size_bytes: The file's size.
        sha256: The file's digest, in hexadecimal.
        is_new: The file did not exist before.
        line: The first line of the replaced snippet, from 1; 0 for a whole file.
    """

    size_bytes: int
    sha256: str
    is_new: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class WriteConditions:
    """Conditions for writing a whole file.

    Attributes:
        create_parents: Create missing folders.
        must_not_exist: Require a missing file.
        expected_sha256: The required digest of the current file, in hexadecimal; None for any.
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
        WorkspaceError: The content is too large, or invalid in its encoding.
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


def write_file(roots: Roots, place: Location, data: bytes, terms: WriteConditions) -> WriteResult:
    """Write a whole file.

    Args:
        roots: The roots.
        place: The file.
        data: The contents.
        terms: The conditions.

    Raises:
        WorkspaceError: The file is not writable, or a condition fails; then nothing is changed.
    """
    with roots.open_to_write(place, create_parents=terms.create_parents) as folder:
        spot = FileDestination(folder, place)
        # Every attempt met a file created or removed by another writer.
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
            return WriteResult(len(data), hashlib.sha256(data).hexdigest(), is_new)
        raise changed(place)


def _write_new(spot: FileDestination, data: bytes, terms: WriteConditions) -> None:
    if terms.expected_sha256 is not None:
        raise WorkspaceError(
            f"{spot.place} does not exist, and it was expected to have the SHA-256 "
            f"{terms.expected_sha256}; nothing was written: list its folder"
        )
    refuse_new_name(spot.place)
    put_new(spot, data)


def _write_over(roots: Roots, spot: FileDestination, data: bytes, terms: WriteConditions) -> None:
    with roots.open_in(spot.folder, spot.place) as (file, before):
        if terms.must_not_exist:
            raise _exists(spot.place)
        if terms.expected_sha256 is not None:
            now = read_whole(file, before, spot.place, MAX_BYTES)
            if hashlib.sha256(now).hexdigest() != terms.expected_sha256.lower():
                raise WorkspaceError(
                    f"{spot.place} has another SHA-256 than expected; nothing "
                    "was written: read it again"
                )
        put_over(spot, data, before, only_if_same=terms.expected_sha256 is not None)


def _exists(place: Location) -> WorkspaceError:
    return WorkspaceError(
        f"{place} exists already; nothing was changed: read it first, or choose another name"
    )


def replace_in_file(roots: Roots, place: Location, old: str, new: str) -> WriteResult:
    """Replace a snippet with exactly one occurrence; every other byte stays.

    Args:
        roots: The roots.
        place: The file.
        old: The snippet.
        new: The replacement.

    Raises:
        WorkspaceError: No unique occurrence, or a concurrent change; then the file is unchanged.
    """
    snippet, successor = data_of(old, "utf-8"), data_of(new, "utf-8")
    with (
        roots.open_to_write(place) as folder,
        roots.open_in(folder, place) as (file, before),
    ):
        data = read_whole(file, before, place, MAX_BYTES)
        at = offset_of_unique(snippet, data, place)
        edited = data[:at] + successor + data[at + len(snippet) :]
        if len(edited) > MAX_BYTES:
            raise WorkspaceError(
                f"{place} would have {len(edited)} bytes, and {MAX_BYTES} is the most; nothing was "
                "changed"
            )
        put_over(FileDestination(folder, place), edited, before, only_if_same=True)
    line = data.count(b"\n", 0, at) + 1
    return WriteResult(len(edited), hashlib.sha256(edited).hexdigest(), line=line)


def offset_of_unique(snippet: bytes, data: bytes, place: Location) -> int:
    """Return the offset of a snippet in bytes.

    Overlapping occurrences count separately, since the intended occurrence is unknown.

    Args:
        snippet: The snippet, not empty.
        data: The file's contents.
        place: The file, for errors.

    Raises:
        WorkspaceError: No occurrence, or more than one.
    """
    count = _count(snippet, data)
    if count == 1:
        return data.index(snippet)
    if count > 1:
        many = f"{count}" if count < _MAX_COUNTED else f"at least {count}"
        raise WorkspaceError(
            f"the snippet occurs {many} times in {place}, and it must occur once; nothing was "
            "changed: give more of the lines around it"
        )
    raise WorkspaceError(
        f"the snippet occurs 0 times in {place}, so the file is not as expected; nothing "
        f"was changed: {_hint(snippet, data)}"
    )


def _count(snippet: bytes, data: bytes) -> int:
    count = 0
    at = data.find(snippet)
    while at >= 0 and count < _MAX_COUNTED:
        count += 1
        at = data.find(snippet, at + 1)
    return count


def _hint(snippet: bytes, data: bytes) -> str:
    unix = snippet.replace(b"\r\n", b"\n")
    if unix in data:
        return r"its lines end with \n, the snippet's with \r\n"
    if unix.replace(b"\n", b"\r\n") in data:
        return r"its lines end with \r\n, the snippet's with \n"
    return "read it again, and give the lines exactly, blanks included"
