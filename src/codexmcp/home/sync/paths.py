"""Paths of deployed files: relative, with `/`, the same on every system.

Pure but for `located`, which follows links to see where they lead.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from codexmcp.errors import ConfigurationError

_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def trouble_with(path: str) -> str | None:
    r"""Return why a path cannot be deployed on every system; None when it can.

    Source: what Windows refuses in names: <>:"/\|?*, control characters, names of devices, a dot or
    a space at the end.

    Args:
        path: A relative path with `/`.
    """
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "it is not a plain relative path"
        if _FORBIDDEN.search(part):
            return "it holds a character that names of files cannot hold on Windows"
        if part[-1] in ". ":
            return "it ends with a dot or a space, which Windows leaves out"
        if _DEVICES.fullmatch(part):
            return "it is the name of a device on Windows"
    return None


def located(root: Path, path: str, what: str) -> Path:
    """Return the path of a file below a folder, wherever links inside the folder lead.

    Args:
        root: The folder; must be resolved.
        path: Relative, with `/`.
        what: What the folder is, for the error.

    Raises:
        ConfigurationError: A link on the way leads out of the folder.
    """
    whole = root.joinpath(*path.split("/"))
    real = _followed(whole.parent) / whole.name
    if not real.is_relative_to(root):
        raise ConfigurationError(
            f"{whole} leads out of the {what} {root}, to {real}; links that lead out are not "
            "followed: put a folder of its own in the link's place"
        )
    return real


def resolved_file(root: Path, path: str, what: str) -> Path:
    """Return where a file lies that may be a link itself, such as `config.toml`.

    Raises:
        ConfigurationError: The link leads out of the folder.
    """
    real = located(root, path, what)
    if not real.is_symlink():
        return real
    target = _followed(real)
    if not target.is_relative_to(root):
        raise ConfigurationError(
            f"{real} is a link that leads out of the {what} {root}, to {target}; links that lead "
            "out are not followed: put a file in the link's place, or keep its text there"
        )
    return target


def _followed(path: Path) -> Path:
    """Return where a path leads. Source: from Python 3.13 on `resolve` leaves loops as they are."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigurationError(f"{path} cannot be followed: its links form a loop") from None
    return path.resolve()
