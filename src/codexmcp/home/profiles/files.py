"""Paths, names and contents of profiles."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.changes import read_file, text_of_file
from codexmcp.jsonvalues import is_object

PROFILE_SUFFIX = ".config.toml"

_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Source: names accepted by `--profile` (0.163.0); a dot or a space is refused."""


def profile_names(home: Path) -> list[str]:
    """Return the sorted names of a home's profiles.

    Args:
        home: The Codex home; a missing home has no profiles.
    """
    return sorted(
        file.name.removesuffix(PROFILE_SUFFIX) for file in home.glob(f"*{PROFILE_SUFFIX}")
    )


def check_name(name: str) -> str:
    """Return the name of a profile if valid for Codex.

    Raises:
        UsageError: The name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"invalid profile name {name!r}: Codex takes letters, digits, `-` and `_`")
    return name


def profile_path(home: Path, name: str) -> Path:
    """Return the path of a profile, existing or not.

    Raises:
        UsageError: The name is not valid for Codex.
    """
    return home / f"{check_name(name)}{PROFILE_SUFFIX}"


def profile_text(home: Path, name: str) -> str:
    """Return the text of a profile.

    Raises:
        ConfigurationError: No such profile, or an unreadable file.
        UsageError: The name is not valid for Codex.
    """
    path = profile_path(home, name)
    data = read_file(path)
    if data is None:
        raise ConfigurationError(missing(home, [name]))
    return text_of_file(path, data)


def missing(home: Path, names: Iterable[str]) -> str:
    """Return the error message for missing profiles."""
    told = ", ".join(f"{name}{PROFILE_SUFFIX}" for name in names)
    known = ", ".join(profile_names(home)) or "none"
    return (
        f"there is no {told} in {home}; Codex silently ignores a missing profile and works with "
        f"config.toml alone. Profiles there: {known}. `codexmcp profiles add` makes ready ones"
    )


def parsed(path: Path, text: str) -> dict[str, Any]:
    """Return the decoded contents of a TOML file.

    Args:
        path: The file, for the error.
        text: Its text.

    Raises:
        ConfigurationError: The text is not valid TOML.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        # The message ends in "(at line 3, column 7)".
        raise ConfigurationError(f"{path}: {error}; correct that line") from None


def layered(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return merged settings: `above` wins, table by table, as in Codex's layers."""
    result = dict(below)
    for name, value in above.items():
        there = result.get(name)
        result[name] = layered(there, value) if is_object(there) and is_object(value) else value
    return result
