"""A permissions profile that is one of Codex's sandbox modes with some files hidden.

Pure. Codex's sandbox lets commands read the whole disk; a profile can deny single files.

Source: measured on 0.153.4, 0.163.0 and 0.169.0. A profile takes the place of the sandbox mode, and
`[sandbox_workspace_write]` does not apply to it, so those settings are carried over here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        if workspace_write.get("exclude_slash_tmp") is True:
            files["/tmp"] = "read"  # noqa: S108 - the folder itself is meant
        if workspace_write.get("network_access") is True:
            profile["network"] = {"enabled": True}
    files.update(dict.fromkeys(denied, "deny"))
    return profile
