"""Options common to all threads, started, resumed or forked.

`guarded` is the single place for: no entry in the user's config.toml, hidden files, no goals, no
shell snapshot. `with_environment` sets the caller's environment where app-server has another. Reads
only the file system around the working directory, to find the git root.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.launch import LOG_VARIABLES
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.git_access import git_access
from codexmcp.codex.permissions import PROFILE, RestrictedPaths, real_path, sandbox_profile
from codexmcp.codex.trust import is_trusted, untrusted_projects
from codexmcp.data_classes import replace
from codexmcp.jsonvalues import is_object, list_of, object_of, text_of


def guarded(
    asked: ThreadOptions,
    withheld: RestrictedPaths,
    effective: Mapping[str, Any],
    *,
    allows_goals: bool = False,
) -> ThreadOptions:
    """Return the options with Codex's unwanted behaviour switched off.

    Codex must not record trust in a project, let commands read denied files or write to protected
    folders, continue by itself for a goal, or write a login shell's environment to a file readable
    by others.

    Args:
        asked: The requested options.
        withheld: Paths with less access for commands in the sandboxed modes.
        effective: Codex's configuration, from `config/read`.
        allows_goals: Let the model set a goal.

    Source: with a goal, Codex begins further turns by itself after the answer; the setting also
    holds for sub-agents and removes `create_goal`. Codex writes a snapshot of a login shell, with
    all variables, to `shell_snapshots` in its home with the mode 0644 (0.153.4, 0.163.0 and
    0.171.0).
    """
    config = without_log_variables({**asked.config, **_distrust(asked, effective)}, effective)
    config = _without_features(config, ["shell_snapshot", *([] if allows_goals else ["goals"])])
    profile = None if asked.permissions else _profile(asked, withheld, effective)
    if profile is not None:
        config["permissions"] = {PROFILE: profile}
    return replace(
        asked,
        permissions=asked.permissions if profile is None else PROFILE,
        approval_policy=asked.approval_policy or _approval_default(effective, config),
        config=config,
        allow_git=False,
        distrusts=False,
    )


def with_environment(options: ThreadOptions, env: Mapping[str, str]) -> ThreadOptions:
    """Return the options with the given environment for commands, and nothing of app-server's.

    Variables in the options stay; the rest of their policy is replaced.

    Args:
        options: The thread's options.
        env: The environment.

    Source: measured on 0.153.4, 0.163.0 and 0.169.0. A login shell's dotfiles would add variables;
    without SHLVL, bash reads ~/.bashrc; lists in the user's config.toml apply unless overridden.
    """
    others = {
        name: value
        for name, value in options.config.items()
        if name.split(".")[0] not in {_POLICY, _LOGIN_SHELL}
    }
    policy: dict[str, Any] = {
        "inherit": "none",
        "include_only": [],
        "exclude": [],
        "ignore_default_excludes": True,
        "set": {**env, **_variables(options.config), "SHLVL": "1"},
    }
    return replace(options, config={**others, _LOGIN_SHELL: False, _POLICY: policy})


def without_log_variables(
    config: Mapping[str, Any], effective: Mapping[str, Any]
) -> dict[str, Any]:
    """Return settings that also hide Codex's logging variables from commands.

    Source: on 0.153.4, the snapshot of a login shell still shows the variables to commands.

    Args:
        config: The settings of one thread, nested or with dotted keys.
        effective: Codex's configuration, from `config/read`.
    """
    policy = config.get(_POLICY)
    given = policy if is_object(policy) else {}
    if given.get("inherit") == "none":
        return dict(config)
    configured = object_of(effective.get(_POLICY)).get("exclude")
    excluded = list_of(config.get(_EXCLUDE, given.get("exclude", configured)))
    excluded = [*excluded, *(name for name in LOG_VARIABLES if name not in excluded)]
    if is_object(policy):
        return {**config, _POLICY: {**policy, "exclude": excluded}}
    return {**config, _EXCLUDE: excluded}


_LOGIN_SHELL = "allow_login_shell"
_POLICY = "shell_environment_policy"
_EXCLUDE = f"{_POLICY}.exclude"
_WORKSPACE_WRITE = "sandbox_workspace_write"


def _without_features(config: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return settings with features switched off.

    Source: either of a nested and a dotted spelling may have precedence (measured on 0.153.4,
    0.163.0 and 0.171.0).
    """
    off = dict.fromkeys(names, False)
    features = config.get("features")
    nested = {"features": {**features, **off}} if is_object(features) else {}
    return {**config, **{f"features.{name}": False for name in off}, **nested}


def _variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables for commands in the settings, nested or with dotted keys."""
    found = dict(object_of(object_of(config.get(_POLICY)).get("set")))
    for name, value in config.items():
        if name == f"{_POLICY}.set":
            found |= object_of(value)
        elif name.startswith(f"{_POLICY}.set."):
            found[name.removeprefix(f"{_POLICY}.set.")] = value
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _profile(
    asked: ThreadOptions, withheld: RestrictedPaths, effective: Mapping[str, Any]
) -> dict[str, Any] | None:
    cwd = real_path(asked.cwd or "")
    sandbox = asked.sandbox or _configured_mode(asked, cwd, effective)
    opens_git = asked.allow_git and sandbox == "workspace-write"
    git = git_access(Path(cwd)) if opens_git else {}
    table = _workspace_write(asked.config, effective)
    return sandbox_profile(sandbox, cwd, withheld, table, git)


def _configured_mode(asked: ThreadOptions, cwd: str, effective: Mapping[str, Any]) -> str:
    """Return the sandbox mode of a thread that is asked for without one.

    It is the narrowest where a profile of the user's own holds.

    Source: a trusted project is writable by default (0.153.4 and 0.163.0).
    """
    configured = text_of(asked.config.get("sandbox_mode", effective.get("sandbox_mode")))
    if configured is not None:
        return configured
    if "default_permissions" in asked.config or effective.get("default_permissions"):
        return "read-only"
    projects = object_of(effective.get("projects"))
    return "workspace-write" if is_trusted(Path(cwd), projects) else "read-only"


def _workspace_write(config: Mapping[str, Any], effective: Mapping[str, Any]) -> dict[str, Any]:
    """Return the effective `[sandbox_workspace_write]` settings of a thread."""
    dotted = {
        name.removeprefix(f"{_WORKSPACE_WRITE}."): value
        for name, value in config.items()
        if name.startswith(f"{_WORKSPACE_WRITE}.")
    }
    tables = (effective.get(_WORKSPACE_WRITE), config.get(_WORKSPACE_WRITE))
    return {**object_of(tables[0]), **object_of(tables[1]), **dotted}


def _distrust(asked: ThreadOptions, effective: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings to prevent Codex from recording trust in the project.

    Empty if Codex records nothing, because the settings change Codex's defaults.
    """
    given = asked.config
    if asked.distrusts:
        folder = Path(os.path.abspath(asked.cwd or ""))  # noqa: PTH100 - links stay, `..` goes
        return {"projects": untrusted_projects(folder, {})}
    if asked.cwd is None or any(key.split(".")[0] == "projects" for key in given):
        return {}
    if not (asked.sandbox or asked.permissions) and not any(
        settings.get(key) for settings in (effective, given) for key in _WIDENING
    ):
        # An undecided project is read-only by default, and Codex records nothing.
        return {}
    folder = Path(os.path.abspath(asked.cwd))  # noqa: PTH100 - links stay, `..` goes
    projects = untrusted_projects(folder, object_of(effective.get("projects")))
    return {"projects": projects} if projects else {}


_WIDENING = ("sandbox_mode", "default_permissions", "permissions")


def _approval_default(effective: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """Return the approval policy to keep, if an untrusted project would change the default."""
    if "projects" not in config or "approval_policy" in config:
        return None
    return None if effective.get("approval_policy") else "on-request"
