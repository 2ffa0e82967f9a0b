"""Paths of deployed files: relative, with `/`, portable.

Pure except `located`, which resolves links.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from codexmcp.errors import ConfigurationError

_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f<>:"|?*\\]')


def trouble_with(path: str) -> str | None:
    r"""Return the reason why a path is not portable; None for a portable path.

    Source: names refused by Windows: <>:"/\|?*, control characters, device names, a trailing dot or
    space.

    Args:
        path: A relative path with `/`.
    """
    for part in path.split("/"):
        if part in {"", ".", ".."}:
            return "it is not a plain relative path"
        if _FORBIDDEN.search(part):
            return "it has a character not allowed in file names on Windows"
        if part[-1] in ". ":
            return "it ends with a dot or a space, dropped by Windows"
        if _DEVICES.fullmatch(part):
            return "it is the name of a device on Windows"
    return None


def located(root: Path, path: str, what: str) -> Path:
    """Return the resolved path of a file below a folder.

    Args:
        root: The folder, resolved.
        path: Relative, with `/`.
        what: The kind of folder, for the error.

    Raises:
        ConfigurationError: A link leads out of the folder.
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
    """Return the resolved path of a file that may itself be a link, such as `config.toml`.

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
    """Return the resolved path. Source: since Python 3.13 `resolve` ignores loops."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigurationError(f"{path} cannot be followed: its links form a loop") from None
    return path.resolve()
