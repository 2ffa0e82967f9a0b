"""A permissions profile: one of Codex's sandbox modes, with other access to some files.

Reads only the links among paths. Codex's sandbox lets commands read the whole disk; a profile can
deny single files, protect folders in the workspace, and allow writes to a git folder.

Source: measured on 0.153.4, 0.163.0 and 0.169.0. A profile replaces the sandbox mode, and
`[sandbox_workspace_write]` does not apply, so those settings are copied here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import list_of
from codexmcp.settings import SANDBOX_MODES

PROFILE = "codexmcp"

_BASES = {"read-only": ":read-only", "workspace-write": ":workspace"}

MODES_BY_BASE = {base: mode for mode, base in _BASES.items()}
"""Sandbox modes by the Codex profile that `PROFILE` extends."""


@dataclass(frozen=True, slots=True)
class RestrictedPaths:
    """Paths with less access for commands than the sandbox mode gives.

    Attributes:
        denied: Absolute paths of files that commands must not read.
        protected: Absolute paths of folders that commands must not write to, also in a writable
            folder.
    """

    denied: Sequence[str] = ()
    protected: Sequence[str] = ()


def sandbox_profile(
    sandbox: str,
    cwd: str,
    withheld: RestrictedPaths,
    workspace_write: Mapping[str, Any],
    git: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Return the definition of a profile; None if the mode needs no profile.

    Args:
        sandbox: The sandbox mode.
        cwd: Absolute path of the working directory.
        withheld: Paths with less access.
        workspace_write: The `[sandbox_workspace_write]` table of config.toml.
        git: Writable and protected paths of a git folder, from `git_access`.
    """
    base = _BASES.get(sandbox)
    if base is None:
        return None
    files: dict[str, str] = {}
    profile: dict[str, Any] = {"extends": base, "filesystem": files}
    if sandbox == "workspace-write":
        roots = [cwd, *_further_roots(workspace_write)]
        protected = dict(_protected(withheld.protected, cwd, roots))
        if not (protected or withheld.denied or git):
            return None
        files.update(dict.fromkeys(_writable_roots(workspace_write), "write"))
        files.update(dict.fromkeys(_closed_folders(workspace_write), "read"))
        for path in (*withheld.denied, *protected):
            files.update(_fixed_folders(path, roots, opens_git=bool(git)))
        files.update({**(git or {}), **protected})
        if workspace_write.get("network_access") is True:
            profile["network"] = {"enabled": True}
    files.update(dict.fromkeys(withheld.denied, "deny"))
    return profile if files else None


def real_path(path: str) -> str:
    """Return a path with all links resolved; an impossible path stays as it is."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return path


def narrower_mode(one: str, other: str | None) -> str:
    """Return the narrower of two sandbox modes.

    Args:
        one: A mode.
        other: Another mode. None: unknown, and ignored.
    """
    return one if other is None else min(one, other, key=SANDBOX_MODES.index)


def _protected(folders: Sequence[str], cwd: str, roots: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the entries of protected folders in writable folders."""
    for folder in map(real_path, folders):
        parts = [_parts_below(root, folder) for root in roots]
        if any(parts) and _parts_below(cwd, folder)[:1] not in _PROTECTED_BY_CODEX:
            yield folder, "read"


def _fixed_folders(path: str, roots: Sequence[str], *, opens_git: bool) -> dict[str, str]:
    """Return the entries that keep the folders between a writable folder and a path in place.

    A profile's entry is a path: a renamed parent folder moves the file to another path. On Linux a
    folder with its own entry cannot be renamed, also if it is writable.

    Source: measured on 0.163.0, which mounts the folder. Codex protects some folders with a dot at
    the front of their names, and an entry with write access would open them.
    """
    entries: dict[str, str] = {}
    real_roots = set(map(real_path, roots))
    for root in real_roots:
        folder = PurePath(root)
        for part in _parts_below(root, path)[:-1]:
            folder /= part
            is_open = not part.startswith(".") or (opens_git and part == ".git")
            entries[str(folder)] = _FIXED if is_open else "read"
            if not is_open:
                break
    # A writable folder has its entry already.
    return {name: access for name, access in entries.items() if name not in real_roots}


def _parts_below(root: str, path: str) -> tuple[str, ...]:
    """Return the names between a folder and a path below it; none for any other path."""
    try:
        return PurePath(path).relative_to(real_path(root)).parts
    except ValueError:
        return ()


def _further_roots(workspace_write: Mapping[str, Any]) -> list[str]:
    """Return the writable folders beside the working directory."""
    closed = _closed_folders(workspace_write)
    temporary = {":slash_tmp": "/tmp", ":tmpdir": os.environ.get("TMPDIR", "/tmp")}  # noqa: S108
    open_folders = [folder for name, folder in temporary.items() if name not in closed]
    return [*_writable_roots(workspace_write), *open_folders]


def _writable_roots(workspace_write: Mapping[str, Any]) -> list[str]:
    given = list_of(workspace_write.get("writable_roots"))
    return [folder for folder in given if isinstance(folder, str)]


def _closed_folders(workspace_write: Mapping[str, Any]) -> list[str]:
    """Return the temporary folders excluded by the settings."""
    settings = {":slash_tmp": "exclude_slash_tmp", ":tmpdir": "exclude_tmpdir_env_var"}
    return [name for name, setting in settings.items() if workspace_write.get(setting) is True]


_FIXED = "write" if sys.platform == "linux" else "read"
"""Access to a folder that must not be renamed. Only Linux keeps a writable folder in place."""

_PROTECTED_BY_CODEX = {(name,) for name in (".git", ".agents", ".codex")}
"""Folders of a working directory protected from writes by Codex's sandbox."""
