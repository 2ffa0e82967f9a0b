"""How a thread is to be started so that it leaves no mark on the user's home.

Reads nothing but the file system around the working directory, to find its git root.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from codexmcp.appserver.requests import ThreadOptions
from codexmcp.home.permissions import PROFILE, deny_profile
from codexmcp.home.trust import untrusted_projects
from codexmcp.jsonvalues import object_of, text_of


def guarded(
    asked: ThreadOptions, denied: Sequence[str], effective: Mapping[str, Any]
) -> ThreadOptions:
    """Return the options with Codex kept from recording trust, and from reading some files.

    Args:
        asked: How the thread shall work.
        denied: Absolute paths that its commands must not read in the sandboxed modes.
        effective: Codex's configuration as `config/read` tells it.
    """
    config: dict[str, Any] = {**asked.config, **_distrust(asked, effective)}
    profile = None if asked.permissions else _profile(asked, denied, effective)
    if profile is not None:
        config["permissions"] = {PROFILE: profile}
    return replace(
        asked,
        permissions=asked.permissions if profile is None else PROFILE,
        approval_policy=asked.approval_policy or _approval_default(effective, config),
        config=config,
    )


def _profile(
    asked: ThreadOptions, denied: Sequence[str], effective: Mapping[str, Any]
) -> dict[str, Any] | None:
    configured = asked.config.get("sandbox_mode", effective.get("sandbox_mode"))
    sandbox = asked.sandbox or text_of(configured) or "read-only"
    return deny_profile(sandbox, denied, object_of(effective.get("sandbox_workspace_write")))


def _distrust(asked: ThreadOptions, effective: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that keep Codex from recording its trust in the project.

    They are left out where Codex records nothing, because they change its defaults.
    """
    given = asked.config
    if asked.cwd is None or any(key.split(".")[0] == "projects" for key in given):
        return {}
    if not (asked.sandbox or asked.permissions) and not any(
        settings.get(key) for settings in (effective, given) for key in _WIDENING
    ):
        # An undecided project is read-only by default, and nothing is recorded then.
        return {}
    folder = Path(os.path.abspath(asked.cwd))  # noqa: PTH100 - links stay, `..` goes
    projects = untrusted_projects(folder, object_of(effective.get("projects")))
    return {"projects": projects} if projects else {}


_WIDENING = ("sandbox_mode", "default_permissions", "permissions")


def _approval_default(effective: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return the policy that holds without an untrusted project, which would change it."""
    if "projects" not in config or "approval_policy" in config:
        return None
    return None if effective.get("approval_policy") else "on-request"
