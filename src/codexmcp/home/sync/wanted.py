"""What shall be in a client's folder: whole files, and blocks in files of the owner's.

Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import PurePath, PurePosixPath

from codexmcp.errors import ConfigurationError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.sync import memory
from codexmcp.home.sync.choices import Choices
from codexmcp.home.sync.command_log import report_url, with_report
from codexmcp.home.sync.repository import MEMORY, SKILL_FILE, SKILLS, Repository, SkillFile
from codexmcp.home.sync.targets import MEMORIES, NATIVE_MEMORIES, Target, token_values
from codexmcp.home.sync.tokens import EXPANDED_SUFFIXES, expand

CONFIG = "config.toml"
CONFIG_BLOCK = "sync"


class Kind(Enum):
    """What sort of text a block stands in."""

    TOML = "toml"
    MARKDOWN = "markdown"


@dataclass(frozen=True, eq=False)
class WantedFile:
    """A file that is deployed whole.

    Attributes:
        data: What it shall hold.
        is_executable: Whether it may be run.
    """

    data: bytes
    is_executable: bool = False

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of its bytes."""
        return digest_of(self.data)


@dataclass(frozen=True, slots=True)
class WantedBlock:
    """A block in a file of the owner's.

    Attributes:
        file: The file's path in the folder.
        name: The block's name.
        kind: What the file holds.
        body: What shall stand in the block.
    """

    file: str
    name: str
    kind: Kind
    body: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that shall be in a client's folder.

    Attributes:
        files: The files by their paths.
        blocks: The blocks.
    """

    files: Mapping[str, WantedFile] = field(default_factory=dict[str, WantedFile])
    blocks: tuple[WantedBlock, ...] = ()


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def wanted_of(repository: Repository, target: Target, home: PurePath, choices: Choices) -> Wanted:
    """Return what shall be in a client's folder.

    Args:
        repository: The repository.
        target: The client.
        home: Its folder, absolute.
        choices: How to deploy.

    Raises:
        ConfigurationError: A skill holds an unknown token or broken markers, or a name is taken.
    """
    memories = NATIVE_MEMORIES if choices.native_memories and target.has_config else MEMORIES
    values = token_values(target, home, repository.root, memories)
    files: dict[str, WantedFile] = {}
    blocks: list[WantedBlock] = []
    for path, data in repository.memories.items():
        files[f"{memories}/{path}"] = WantedFile(data)
    url = report_url(repository.fragment) if choices.report_use else None
    for name, skill in repository.skills.items():
        for path, file in _deployed(repository, target, name, skill, values, url):
            files[f"{target.skills}/{name}/{path}"] = file
    told = memory.memory_text(
        {path: data.decode("utf-8-sig") for path, data in repository.memories.items()},
        values["memories"],
    )
    if told and target.instructions:
        blocks.append(WantedBlock(target.instructions, memory.BLOCK, Kind.MARKDOWN, told))
    elif told:
        _add_memory_skill(repository, target, told, files)
    if target.has_config:
        files.update((name, WantedFile(data)) for name, data in repository.profiles.items())
        if repository.fragment.strip("\ufeff \t\r\n"):
            blocks.append(WantedBlock(CONFIG, CONFIG_BLOCK, Kind.TOML, repository.fragment))
    return Wanted(files, tuple(blocks))


def _deployed(
    repository: Repository,
    target: Target,
    name: str,
    skill: Mapping[str, SkillFile],
    values: Mapping[str, str],
    url: str | None,
) -> Iterator[tuple[str, WantedFile]]:
    source = repository.root / SKILLS / name
    for path, file in skill.items():
        data = file.data
        is_main = path == SKILL_FILE
        if is_main or (b"{{" in data and PurePosixPath(path).suffix in EXPANDED_SUFFIXES):
            try:
                text = expand(data.decode(), {**values, "skill": name})
                if is_main and url is not None:
                    text = with_report(text, target.name, name, url)
                data = text.encode()
            except BlockError as error:
                raise ConfigurationError(f"{source / path}, {error}") from None
            except UnicodeDecodeError as error:
                line = data.count(b"\n", 0, error.start) + 1
                raise ConfigurationError(
                    f"{source / path}, line {line}: this is no UTF-8 text; save the file as UTF-8"
                ) from None
        yield path, WantedFile(data, file.is_executable)


def _add_memory_skill(
    repository: Repository, target: Target, told: str, files: dict[str, WantedFile]
) -> None:
    path = f"{target.skills}/{memory.SKILL}/{SKILL_FILE}"
    if path in files:
        raise ConfigurationError(
            f"{repository.root / SKILLS / memory.SKILL} has the name of the skill by which "
            f"{repository.root / MEMORY} reaches {target.name}; rename it"
        )
    files[path] = WantedFile(memory.memory_skill(told).encode())
