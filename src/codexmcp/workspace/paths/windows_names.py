r"""What Windows makes of names and paths: devices, drives, shares, streams.

Pure, and the same on every system: a repository is shared with Windows machines, and a path from
one may be tried anywhere. Must not touch a file.
"""

from __future__ import annotations

import re

_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ ]*(?:[.:].*)?", re.IGNORECASE
)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>"|?*]')
_DRIVE = re.compile(r"[A-Za-z]:")
_SEPARATORS = re.compile(r"[\\/]")
_DEVICE_SPACE = re.compile(r"[\\/]{2}[.?](?:[\\/]|$)|\\\?\?\\")


def fault_of_windows_name(name: str) -> str | None:
    r"""Return why a name of a file cannot be one on Windows; None when it can.

    Args:
        name: One part of a path.

    Source: "Naming Files, Paths, and Namespaces" of the Win32 documentation: `<>:"/\|?*` and
    control characters are reserved, dots and spaces at the end are cut off, devices are found under
    any extension, a colon begins the name of an alternate data stream.
    """
    if not name:
        return "it is empty"
    if _SEPARATORS.search(name):
        return "it holds a separator of Windows paths"
    if _DEVICE.fullmatch(name):
        return "it is the name of a device on Windows"
    if ":" in name:
        return "it holds a colon, which names a drive or an alternate data stream on Windows"
    if _FORBIDDEN.search(name):
        return "it holds a character that names on Windows cannot hold"
    if name[-1] in ". ":
        return "it ends with a dot or a space, which Windows leaves out"
    return None


def is_windows_path(text: str) -> bool:
    r"""Return whether a path is meant for Windows: `C:\x`, `C:/x`, `\\host\share`, `\\?\x`.

    Args:
        text: A path as somebody gave it.
    """
    return text.startswith("\\\\") or bool(_DRIVE.match(text) and _SEPARATORS.match(text[2:]))


def split_windows_path(text: str) -> tuple[str, list[str]]:
    r"""Return the drive of a path, in upper case and empty without one, and its names.

    Names `.` and empty ones are left out; `..` is among the names.

    Args:
        text: A path as somebody gave it: `C:\x\y`, `x/y`.

    Raises:
        ValueError: It leads to a device or a share, or depends on the current drive or the current
            folder of a drive; the message is the end of a sentence about it.
    """
    if _DEVICE_SPACE.match(text):
        raise ValueError(r"begins like a path of devices (`\\?\`, `\\.\`)")
    if re.match(r"[\\/]{2}", text):
        raise ValueError("leads to a share on another machine")
    drive = ""
    if _DRIVE.match(text):
        drive, text = text[:2].upper(), text[2:]
        if not _SEPARATORS.match(text):
            raise ValueError(f"depends on the current folder of drive {drive}")
    elif _SEPARATORS.match(text):
        raise ValueError("depends on the current drive")
    return drive, [name for name in _SEPARATORS.split(text) if name not in {"", "."}]
