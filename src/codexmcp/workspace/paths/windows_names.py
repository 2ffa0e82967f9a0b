"""Names and paths on Windows: devices, drives, shares, streams.

Pure, and identical on every system: repositories are shared with Windows machines, and paths from
there may be used anywhere. Must not access files.
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
    r"""Return the reason why a name is invalid on Windows; None for a valid name.

    Args:
        name: A single part of a path.

    Source: "Naming Files, Paths, and Namespaces" of the Win32 documentation: `<>:"/\|?*` and
    control characters are reserved, trailing dots and spaces are removed, device names apply with
    any extension, a colon starts the name of an alternate data stream.
    """
    if not name:
        return "it is empty"
    if _SEPARATORS.search(name):
        return "it contains a separator of Windows paths"
    if _DEVICE.fullmatch(name):
        return "it is a device name on Windows"
    if ":" in name:
        return "it contains a colon, the mark of a drive or an alternate data stream on Windows"
    if _FORBIDDEN.search(name):
        return "it contains a character not allowed in names on Windows"
    if name[-1] in ". ":
        return "it ends with a dot or a space, dropped by Windows"
    return None


def is_windows_path(text: str) -> bool:
    r"""Return True for a Windows path: `C:\x`, `C:/x`, `\\host\share`, `\\?\x`.

    Args:
        text: A path from the user.
    """
    return text.startswith("\\\\") or bool(_DRIVE.match(text) and _SEPARATORS.match(text[2:]))


def split_windows_path(text: str) -> tuple[str, list[str]]:
    r"""Return the drive of a path (upper case, empty if absent) and its names.

    Names `.` and empty names are dropped; `..` is kept.

    Args:
        text: A path from the user: `C:\x\y`, `x/y`.

    Raises:
        ValueError: The path names a device or share, or depends on the current drive or a drive's
            current folder; the message is a sentence fragment without its subject.
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
