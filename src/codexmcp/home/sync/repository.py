"""The repository with config, memories and skills to deploy.

Reads only. All files are read and checked before any deployment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path

from codexmcp.data_classes import dataclass, field
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
class RepositorySkill:
    """A file of a skill.

    Attributes:
        data: The contents.
        is_executable: The file is executable.
    """

    data: bytes
    is_executable: bool = False


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on disk.

    Attributes:
        root: The repository's folder, links resolved.
        fragment: The text of the config fragment; empty if absent.
        profiles: The profiles by file name.
        memories: The memories by path.
        skills: The files of the skills, by skill name and path in the skill.
        notes: Skipped files, for people.
    """

    root: Path
    fragment: str = ""
    profiles: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    memories: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    skills: Mapping[str, Mapping[str, RepositorySkill]] = field(
        default_factory=dict[str, Mapping[str, RepositorySkill]]
    )
    notes: tuple[str, ...] = ()


def is_repository(root: Path) -> bool:
    """Return True if a folder has anything to deploy."""
    return any((root / part).exists() for part in (FRAGMENT, PROFILES, MEMORY, SKILLS))


def read_repository(folder: Path) -> Repository:
    """Read a repository.

    Raises:
        ConfigurationError: No repository, or unsuitable files; names all of them.
    """
    root = folder.expanduser().resolve()
    if not is_repository(root):
        raise ConfigurationError(
            f"{root} is not a repository to deploy: it has neither {FRAGMENT} nor {MEMORY} nor "
            f"{SKILLS}; name one with --repo, or make one with `codexmcp init {folder}`"
        )
    notes: list[str] = []
    problems: list[str] = []
    repository = Repository(
        root,
        _fragment(root, problems),
        dict(_profiles(root, notes, problems)),
        dict(_memories(root, notes, problems)),
        _skills(root, notes, problems),
        tuple(notes),
    )
    if problems:
        raise ConfigurationError("\n".join(problems))
    return repository


@contextlib.contextmanager
def _kept(problems: list[str], before: str = "") -> Generator[None, None, None]:
    """Collect an error of the block, so that all errors are reported together."""
    try:
        yield
    except CodexMCPError as error:
        problems.append(f"{before}{error}")


def _fragment(root: Path, problems: list[str]) -> str:
    text = ""
    with _kept(problems):
        path = resolved_file(root, FRAGMENT, "repository")
        text = text_of_file(path, read_file(path))
        _check_toml(path, text)
    return text


def _profiles(root: Path, notes: list[str], problems: list[str]) -> Iterator[tuple[str, bytes]]:
    for file in _files(root, PROFILES, problems):
        path = Path(file.real)
        if "/" in file.path or not file.path.endswith(PROFILE_SUFFIX):
            notes.append(
                f"{root / PROFILES / file.path} is not named NAME{PROFILE_SUFFIX}; ignored"
            )
            continue
        with _kept(problems, f"{root / PROFILES / file.path}: "):
            check_name(file.path.removesuffix(PROFILE_SUFFIX))
        data = read_bytes(file)
        with _kept(problems):
            _check_toml(path, text_of_file(path, data))
        yield file.path, data


def _memories(root: Path, notes: list[str], problems: list[str]) -> Iterator[tuple[str, bytes]]:
    for file in _files(root, MEMORY, problems):
        inside = file.path.removeprefix("projects/")
        if "/" in inside or not file.path.endswith(".md"):
            notes.append(
                f"{root / MEMORY / file.path} is neither NAME.md nor projects/NAME.md; ignored"
            )
            continue
        data = read_bytes(file)
        with _kept(problems):
            text_of_file(Path(file.real), data)
        yield file.path, data


def _skills(
    root: Path, notes: list[str], problems: list[str]
) -> dict[str, dict[str, RepositorySkill]]:
    skills: dict[str, dict[str, RepositorySkill]] = {}
    for file in _files(root, SKILLS, problems):
        name, slash, inside = file.path.partition("/")
        if not slash or name.startswith("."):
            notes.append(f"{root / SKILLS / file.path} is not in a skill's folder; ignored")
            continue
        skills.setdefault(name, {})[inside] = RepositorySkill(read_bytes(file), file.is_executable)
    problems += [
        f"{root / SKILLS / name} has no {SKILL_FILE}, required for a skill; write one, or "
        "move the folder elsewhere"
        for name, files in skills.items()
        if SKILL_FILE not in files
    ]
    return skills


def _files(root: Path, folder: str, problems: list[str]) -> Iterator[TreeFile]:
    for found in walk(resolved_file(root, folder, "repository"), root):
        path = root / folder / found.path
        if isinstance(found, Skipped):
            problems.append(
                f"{path} cannot be deployed: {found.reason}; put a copy of it into the repository, "
                "or remove it"
            )
            continue
        trouble = trouble_with(found.path)
        if trouble is not None:
            problems.append(f"{path} cannot be deployed: {trouble}; rename it")
            continue
        yield found


def _check_toml(path: Path, text: str) -> None:
    try:
        parse(text)
    except BlockError as error:
        raise ConfigurationError(f"{path}, {error}") from None
