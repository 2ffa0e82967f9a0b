"""Valid names of new files, and names owned by git.

Pure. The name of an existing file is used byte for byte, never normalised.
"""

from __future__ import annotations

import unicodedata

from codexmcp.workspace.paths.windows_names import fault_of_windows_name

MAX_NAME_BYTES = 255
"""Source: NAME_MAX of Linux and macOS."""

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of invisible characters: controls, zero width, bidirectional marks."""

_LIKE_SEPARATORS = frozenset("\u2044\u2215\u2216\u29f5\u29f8\u29f9\u2571\u2572\ufe68\uff0f\uff3c")
"""Look-alikes of `/` and the backslash."""


def fault_of_new_name(name: str) -> str | None:
    """Return the fault of a name for a new entry; None for a valid name.

    Args:
        name: A single part of a path.
    """
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    if any(unicodedata.category(letter) in _HIDDEN for letter in name):
        return "it contains an invisible character"
    if not _LIKE_SEPARATORS.isdisjoint(name):
        return "it contains a look-alike of a path separator"
    if unicodedata.normalize("NFKC", name).strip() in {"", ".", ".."}:
        return "it looks empty, or like `.` or `..`"
    if unicodedata.normalize("NFC", name) != name:
        return "it is not in Unicode's composed form (NFC), so another name could look the same"
    if name == "~":
        return "it would be taken for the home folder"
    return fault_of_windows_name(name)


def is_git_name(name: str) -> bool:
    """Return True if some file system treats a name as `.git`.

    Args:
        name: A single part of a path.

    Source: git's own checks after CVE-2014-9390 and CVE-2019-1352: case, characters ignored by
    HFS+, short names and streams of NTFS, dots and spaces removed by Windows.
    """
    visible = "".join(letter for letter in name if unicodedata.category(letter) not in _HIDDEN)
    folded = unicodedata.normalize("NFKC", visible).casefold()
    stem = folded.partition(":")[0].rstrip(". ")
    return stem in {".git", "git~1"}
