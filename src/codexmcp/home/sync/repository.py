"""The repository that config, memories and skills are deployed from.

Reads only. Everything is read and looked at before anything is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codexmcp.errors import CodexMCPError, ConfigurationError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.changes import read_file, text_of_file
from codexmcp.home.profiles.files import PROFILE_SUFFIX, check_name
from codexmcp.home.sync.paths import resolved_file, trouble_with
from codexmcp.home.sync.tree import Skipped, TreeFile, read_bytes, walk
from codexmcp.home.toml_lines import parse

FRAGMENT = "clients/codex/config-fragment.toml"
PROFILES = "clients/codex/profiles"
MEMORY = "clients/shared/memory"
SKILLS = "clients/shared/skills"
SKILL_FILE = "SKILL.md"


@dataclass(frozen=True, slots=True)
class SkillFile:
    """A file of a skill.

    Attributes:
        data: What it holds.
        is_executable: Whether it may be run.
    """

    data: bytes
    is_executable: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as it is on disk.

    Attributes:
        root: Its folder, links followed.
        fragment: The text of the config fragment; empty without one.
        profiles: The profiles by the names of their files.
        memories: The memories by their paths.
        skills: The files of the skills by the skill's name and their path in it.
        notes: What was passed over, for people.
    """

    root: Path
    fragment: str = ""
    profiles: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    memories: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    skills: Mapping[str, Mapping[str, SkillFile]] = field(
        default_factory=dict[str, Mapping[str, SkillFile]]
    )
    notes: tuple[str, ...] = ()


def is_repository(root: Path) -> bool:
    """Return whether a folder holds anything that can be deployed."""
    return any((root / part).exists() for part in (FRAGMENT, PROFILES, MEMORY, SKILLS))


def read_repository(folder: Path) -> Repository:
    """Read a repository.

    Args:
        folder: Its folder.

    Raises:
        ConfigurationError: There is none, or something in it cannot be deployed.
    """
    root = folder.expanduser().resolve()
    if not is_repository(root):
        raise ConfigurationError(
            f"{root} is no repository to deploy: it has neither {FRAGMENT} nor {MEMORY} nor "
            f"{SKILLS}; name one with --repo, or make one with `codexmcp init {folder}`"
        )
    notes: list[str] = []
    return Repository(
        root,
        _fragment(root),
        dict(_profiles(root, notes)),
        dict(_memories(root, notes)),
        _skills(root, notes),
        tuple(notes),
    )


def _fragment(root: Path) -> str:
    path = resolved_file(root, FRAGMENT, "repository")
    text = text_of_file(path, read_file(path))
    _check_toml(path, text)
    return text


def _profiles(root: Path, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    for file in _files(root, PROFILES):
        path = Path(file.real)
        if "/" in file.path or not file.path.endswith(PROFILE_SUFFIX):
            notes.append(f"{root / PROFILES / file.path} is no NAME{PROFILE_SUFFIX}; passed over")
            continue
        try:
            check_name(file.path.removesuffix(PROFILE_SUFFIX))
        except CodexMCPError as error:
            raise ConfigurationError(f"{root / PROFILES / file.path}: {error}") from None
        data = read_bytes(file)
        _check_toml(path, text_of_file(path, data))
        yield file.path, data


def _memories(root: Path, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    for file in _files(root, MEMORY):
        inside = file.path.removeprefix("projects/")
        if "/" in inside or not file.path.endswith(".md"):
            notes.append(
                f"{root / MEMORY / file.path} is neither NAME.md nor projects/NAME.md; passed over"
            )
            continue
        data = read_bytes(file)
        text_of_file(Path(file.real), data)
        yield file.path, data


def _skills(root: Path, notes: list[str]) -> dict[str, dict[str, SkillFile]]:
    skills: dict[str, dict[str, SkillFile]] = {}
    for file in _files(root, SKILLS):
        name, slash, inside = file.path.partition("/")
        if not slash or name.startswith("."):
            notes.append(f"{root / SKILLS / file.path} is in no skill's folder; passed over")
            continue
        skills.setdefault(name, {})[inside] = SkillFile(read_bytes(file), file.is_executable)
    for name, files in skills.items():
        if SKILL_FILE not in files:
            raise ConfigurationError(
                f"{root / SKILLS / name} has no {SKILL_FILE}, without which it is no skill; write "
                "one, or move the folder elsewhere"
            )
    return skills


def _files(root: Path, folder: str) -> Iterator[TreeFile]:
    for found in walk(resolved_file(root, folder, "repository"), root):
        path = root / folder / found.path
        if isinstance(found, Skipped):
            raise ConfigurationError(
                f"{path} cannot be deployed: {found.reason}; put a copy of it into the repository, "
                "or remove it"
            )
        trouble = trouble_with(found.path)
        if trouble is not None:
            raise ConfigurationError(f"{path} cannot be deployed: {trouble}; rename it")
        yield found


def _check_toml(path: Path, text: str) -> None:
    try:
        parse(text)
    except BlockError as error:
        raise ConfigurationError(f"{path}, {error}") from None
