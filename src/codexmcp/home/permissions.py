"""A permissions profile that is one of Codex's sandbox modes with some files hidden.

Pure. Codex's sandbox lets commands read the whole disk; a profile can deny single files.

Source: measured on 0.153.4, 0.163.0 and 0.169.0. A profile takes the place of the sandbox mode, and
`[sandbox_workspace_write]` does not apply to it, so those settings are carried over here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from codexmcp.jsonvalues import list_of

PROFILE = "codexmcp"

_BASES = {"read-only": ":read-only", "workspace-write": ":workspace"}


def deny_profile(
    sandbox: str, denied: Sequence[str], workspace_write: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the definition of a profile; None when the mode hides nothing.

    Args:
        sandbox: The sandbox mode.
        denied: Absolute paths that commands must not read.
        workspace_write: The `[sandbox_workspace_write]` table of config.toml.
    """
    base = _BASES.get(sandbox)
    if base is None or not denied:
        return None
    files: dict[str, str] = {}
    profile: dict[str, Any] = {"extends": base, "filesystem": files}
    if sandbox == "workspace-write":
        files.update(dict.fromkeys(list_of(workspace_write.get("writable_roots")), "write"))
        files.update(_closed_folders(denied, workspace_write))
        if workspace_write.get("network_access") is True:
            profile["network"] = {"enabled": True}
    files.update(dict.fromkeys(denied, "deny"))
    return profile


def can_be_moved(file: str, root: str) -> bool:
    """Return whether commands that may write below `root` can move a denied file out of sight.

    The denial is of a path: a folder above the file that is renamed takes it elsewhere.

    Args:
        file: Absolute path of the file.
        root: Absolute path of the writable folder.
    """
    try:
        folders = PurePath(file).relative_to(root).parts[:-1]
    except ValueError:
        return False
    return bool(folders) and folders[0] not in _PROTECTED


def _closed_folders(denied: Sequence[str], workspace_write: Mapping[str, Any]) -> dict[str, str]:
    """Return the temporary folders that must not be writable: by the settings, or for a file."""
    folders = {":slash_tmp": "/tmp", ":tmpdir": os.environ.get("TMPDIR", "/tmp")}  # noqa: S108
    settings = {":slash_tmp": "exclude_slash_tmp", ":tmpdir": "exclude_tmpdir_env_var"}
    return {
        name: "read"
        for name, folder in folders.items()
        if workspace_write.get(settings[name]) is True
        or any(can_be_moved(file, folder) for file in denied)
    }


_PROTECTED = frozenset({".git", ".agents", ".codex"})
"""Folders of a workspace that Codex's sandbox keeps from being written to."""
