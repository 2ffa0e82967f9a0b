"""What adding, removing and migrating profiles changes in a Codex home.

Reads the home, writes nothing: the changes are for `home.applying`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.errors import ConfigurationError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.changes import FileChange, effective, read_file, text_of_file
from codexmcp.home.profiles.files import missing, parsed, profile_path
from codexmcp.home.profiles.legacy import migrated


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes of a home, and what to tell of them.

    Attributes:
        changes: What changes, in the order of writing.
        names: The profiles that it is about.
        default: What `profile =` named before a migration; None without one.
    """

    changes: list[FileChange] = field(default_factory=list[FileChange])
    names: tuple[str, ...] = ()
    default: str | None = None


def plan_add(home: Path, texts: Mapping[str, str], *, replace: bool = False) -> Plan:
    """Return what it takes that a home has profiles.

    Args:
        home: The Codex home.
        texts: The text of each profile.
        replace: Whether to replace files that say something else.

    Raises:
        ConfigurationError: There is such a file, and it says something else.
        UsageError: Codex does not take a name.
    """
    changes = [_written(profile_path(home, name), text, replace) for name, text in texts.items()]
    return Plan(effective(changes), tuple(texts))


def plan_remove(home: Path, names: Iterable[str]) -> Plan:
    """Return what it takes that a home has profiles no more.

    Raises:
        ConfigurationError: It has not got one of them.
        UsageError: Codex does not take a name.
    """
    asked = tuple(dict.fromkeys(names))
    changes = [FileChange(path, read_file(path), None) for path in _paths(home, asked)]
    unknown = [name for name, change in zip(asked, changes, strict=True) if change.before is None]
    if unknown:
        raise ConfigurationError(missing(home, unknown))
    return Plan(changes, asked)


def plan_migrate(home: Path, *, replace: bool = False) -> Plan:
    """Return what it takes that a home's profiles of old are files.

    The files come before config.toml, so that whatever is killed when, no profile is lost.

    Args:
        home: The Codex home.
        replace: Whether to replace files that say something else.

    Raises:
        ConfigurationError: config.toml is broken, or there is a file that says something else.
        UsageError: Codex does not take the name of a profile any more.
    """
    path = home / "config.toml"
    data = read_file(path)
    text = text_of_file(path, data)
    try:
        result = migrated(text)
    except BlockError as error:
        raise ConfigurationError(f"{path}, {error}") from None
    added = plan_add(home, result.profiles, replace=replace)
    changes = [*added.changes, FileChange(path, data, result.config.encode() if data else data)]
    return Plan(effective(changes), added.names, result.default)


def _paths(home: Path, names: Iterable[str]) -> list[Path]:
    return [profile_path(home, name) for name in names]


def _written(path: Path, text: str, replace: bool) -> FileChange:  # noqa: FBT001 - private
    parsed(path, text)
    before = read_file(path)
    if before is not None and before != text.encode() and not replace:
        raise ConfigurationError(
            f"{path} exists and says something else; look at the difference with --dry-run "
            "--replace, then give --replace, or another name with --as"
        )
    return FileChange(path, before, text.encode())
