"""What the extension's folder holds, and how its packages are installed.

Pure but for the listing of one folder.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codexmcp.errors import WorkspaceError
from codexmcp.jsonvalues import dig, object_of

SUFFIX = ".vsix"


@dataclass(frozen=True, slots=True)
class Package:
    """A packaged extension.

    Attributes:
        name: Its file's name.
        changed_ns: When it was written.
        size_bytes: Its size.
        inode: Its inode, which a new file of the same name has not.
    """

    name: str
    changed_ns: int
    size_bytes: int
    inode: int


def packages(folder: Path) -> list[Package]:
    """Return the packaged extensions in a folder, the newest first; links are left out.

    Raises:
        OSError: The folder cannot be listed.
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
    """Return the newest package that was not there before as it is now; None without one."""
    return next((item for item in after if item not in before), None)


def expect_script(manifest: bytes, script: str, folder: Path) -> None:
    """Refuse a folder whose package.json has no such script.

    Args:
        manifest: The content of package.json.
        script: The name of the script.
        folder: The folder, to be shown.

    Raises:
        WorkspaceError: It has none.
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
    """Return the arguments by which VS Code installs a package.

    Args:
        package: Its absolute path.
        system: `os.name`.

    Raises:
        WorkspaceError: Its path cannot be given to a command file of Windows without harm.

    Source: cmd.exe takes apart what a `.cmd` file is given, whatever quotes stand around it.
    """
    if system == "nt" and any(letter in '"%!^&|<>()\r\n' for letter in str(package)):
        raise WorkspaceError(
            f"{package} has a character in its path that cmd.exe gives a meaning of its own; "
            "rename it"
        )
    return ["--install-extension", str(package), "--force"]
