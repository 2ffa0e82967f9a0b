"""Contents of the extension's folder, and installation of its packages.

Pure except for listing a folder.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass
from codexmcp.errors import WorkspaceError
from codexmcp.jsonvalues import dig, object_of

SUFFIX = ".vsix"


@dataclass(frozen=True, slots=True)
class Package:
    """A packaged extension.

    Attributes:
        name: The file name.
        changed_ns: The time of the last change.
        size_bytes: The size.
        inode: The inode; a new file of the same name has another inode.
    """

    name: str
    changed_ns: int
    size_bytes: int
    inode: int


def packages(folder: Path) -> list[Package]:
    """Return the packaged extensions in a folder, newest first, without links.

    Raises:
        OSError: The folder is not readable.
    """
    found: list[Package] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found.append(
                        Package(entry.name, status.st_mtime_ns, status.st_size, status.st_ino)
                    )
    return sorted(found, key=lambda item: (item.changed_ns, item.name), reverse=True)


def new_package(before: Sequence[Package], after: Sequence[Package]) -> Package | None:
    """Return the newest new or changed package, or None."""
    return next((item for item in after if item not in before), None)


def expect_script(manifest: bytes, script: str, folder: Path) -> None:
    """Refuse a folder without the script in its package.json.

    Args:
        manifest: The contents of package.json.
        script: The script's name.
        folder: The folder, for the error.

    Raises:
        WorkspaceError: The script is missing.
    """
    try:
        read: object = json.loads(manifest)
    except ValueError as error:
        raise WorkspaceError(
            f"{folder}/package.json is not valid JSON ({error}); correct it"
        ) from None
    scripts = object_of(dig(read, "scripts"))
    if script not in scripts:
        known = ", ".join(sorted(scripts)) or "none"
        raise WorkspaceError(
            f"{folder}/package.json has no script {script!r} (it has: {known}); add it"
        )


def code_program(system: str) -> str:
    """Return the name of VS Code's command.

    Args:
        system: `os.name`.
    """
    return "code.cmd" if system == "nt" else "code"


def install_arguments(package: Path, system: str) -> list[str]:
    """Return VS Code's arguments for the installation of a package.

    Args:
        package: The absolute path.
        system: `os.name`.

    Raises:
        WorkspaceError: The path is unsafe as an argument of a Windows command file.

    Source: cmd.exe parses the arguments of a `.cmd` file again, ignoring quotes.
    """
    if system == "nt" and any(letter in '"%!^&|<>()\r\n' for letter in str(package)):
        raise WorkspaceError(
            f"{package} has a character in its path that cmd.exe gives a meaning of its own; "
            "rename it"
        )
    return ["--install-extension", str(package), "--force"]
