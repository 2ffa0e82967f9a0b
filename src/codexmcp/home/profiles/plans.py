"""Plans for adding, removing and migrating profiles of a Codex home.

Reads the home and writes nothing; `home.applying` writes the changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.changes import FileChange, effective, read_file, text_of_file
from codexmcp.home.profiles.files import missing, parsed, profile_path
from codexmcp.home.profiles.legacy import migrated


@dataclass(frozen=True, slots=True)
class ProfilesPlan:
    """Changes of a home, with a summary.

    Attributes:
        changes: Changes in the order of writing.
        names: The affected profiles.
        default: The value of `profile =` before a migration; None if absent.
        left: Parts not migrated: file, line and remedy of each.
    """

    changes: list[FileChange] = field(default_factory=list[FileChange])
    names: tuple[str, ...] = ()
    default: str | None = None
    left: tuple[str, ...] = ()


def plan_add(home: Path, texts: Mapping[str, str], *, replace: bool = False) -> ProfilesPlan:
    """Return the changes for adding profiles.

    Args:
        home: The Codex home.
        texts: The text of each profile.
        replace: Replace files with other contents.

    Raises:
        ConfigurationError: A file of that name has other contents.
        UsageError: A name is not valid for Codex.
    """
    changes = [_written(profile_path(home, name), text, replace) for name, text in texts.items()]
    return ProfilesPlan(effective(changes), tuple(texts))


def plan_remove(home: Path, names: Iterable[str]) -> ProfilesPlan:
    """Return the changes for removing profiles.

    Raises:
        ConfigurationError: One of the profiles does not exist.
        UsageError: A name is not valid for Codex.
    """
    asked = tuple(dict.fromkeys(names))
    changes = [FileChange(path, read_file(path), None) for path in _paths(home, asked)]
    unknown = [name for name, change in zip(asked, changes, strict=True) if change.before is None]
    if unknown:
        raise ConfigurationError(missing(home, unknown))
    return ProfilesPlan(changes, asked)


def plan_migrate(home: Path, *, replace: bool = False) -> ProfilesPlan:
    """Return the changes for converting legacy profiles into files.

    The files precede config.toml, so no profile is lost by a kill at any moment.

    Args:
        home: The Codex home.
        replace: Replace files with other contents.

    Raises:
        ConfigurationError: config.toml is broken.
    """
    path = home / "config.toml"
    data = read_file(path)
    text = text_of_file(path, data)

    def obstacle(name: str, own: str) -> str | None:
        try:
            plan_add(home, {name: own}, replace=replace)
        except UsageError as error:
            usable = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
            return f"{error}; rename it here, such as to [profiles.{usable}], and migrate again"
        except ConfigurationError as error:
            return str(error)
        return None

    try:
        result = migrated(text, obstacle)
    except BlockError as error:
        raise ConfigurationError(f"{path}, {error}") from None
    added = plan_add(home, result.profiles, replace=replace)
    changes = [*added.changes, FileChange(path, data, result.config.encode() if data else data)]
    left = tuple(f"{path}, {error}" for error in result.left)
    return ProfilesPlan(effective(changes), added.names, result.default, left)


def _paths(home: Path, names: Iterable[str]) -> list[Path]:
    return [profile_path(home, name) for name in names]


def _written(path: Path, text: str, replace: bool) -> FileChange:  # noqa: FBT001 - private
    parsed(path, text)
    before = read_file(path)
    if before is not None and before != text.encode() and not replace:
        raise ConfigurationError(
            f"{path} exists with other contents; look at the difference with --dry-run "
            "--replace, then give --replace, or another name with --as"
        )
    return FileChange(path, before, text.encode())
