"""Finds the one place of a snippet in a file.

Pure.
"""

from __future__ import annotations

from codexmcp.errors import WorkspaceError
from codexmcp.workspace.paths.locations import Location

_MAX_COUNTED = 100


def only_place_of(snippet: bytes, data: bytes, place: Location) -> int:
    """Return where a snippet lies, in bytes.

    Places that overlap count each: which of them is meant cannot be told.

    Args:
        snippet: The snippet; not empty.
        data: The file's content.
        place: Where the file is, for errors.

    Raises:
        WorkspaceError: It is not there, or more than once.
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
        f"the snippet occurs 0 times in {place}, so the file is not what you think it is; nothing "
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
