"""The wanted contents of a client's folder: whole files, and blocks in the owner's files.

Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import Enum
from functools import cached_property
from pathlib import PurePath, PurePosixPath

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.sync import memory
from codexmcp.home.sync.choices import SyncChoices
from codexmcp.home.sync.command_log import report_url, with_report
from codexmcp.home.sync.repository import MEMORY, SKILL_FILE, SKILLS, Repository
from codexmcp.home.sync.targets import MEMORIES, NATIVE_MEMORIES, Target, token_values
from codexmcp.home.sync.tokens import EXPANDED_SUFFIXES, expand

CONFIG = "config.toml"
CONFIG_BLOCK = "sync"


class WantedKind(Enum):
    """The format of a file with a block."""

    TOML = "toml"
    MARKDOWN = "markdown"


@dataclass(frozen=True, eq=False)
class WantedFile:
    """A file to deploy whole.

    Attributes:
        data: The contents.
        is_executable: The file is executable.
    """

    data: bytes
    is_executable: bool = False

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the contents."""
        return digest_of(self.data)


@dataclass(frozen=True, slots=True)
class WantedBlock:
    """A block in an owner's file.

    Attributes:
        file: The file's path in the folder.
        name: The block's name.
        kind: The file's format.
        body: The contents of the block.
    """

    file: str
    name: str
    kind: WantedKind
    body: str


@dataclass(frozen=True, slots=True)
class WantedContents:
    """The whole wanted contents of a client's folder.

    Attributes:
        files: The files by path.
        blocks: The blocks.
        notes: Faults of skill files deployed without expansion.
    """

    files: Mapping[str, WantedFile] = field(default_factory=dict[str, WantedFile])
    blocks: tuple[WantedBlock, ...] = ()
    notes: tuple[str, ...] = ()


def digest_of(data: bytes) -> str:
    """Return the SHA-256 as hex digits."""
    return hashlib.sha256(data).hexdigest()


def wanted_of(
    repository: Repository, target: Target, home: PurePath, choices: SyncChoices
) -> WantedContents:
    """Return the wanted contents of a client's folder.

    Args:
        repository: The repository.
        target: The client.
        home: The client's folder, absolute.
        choices: The persistent options.

    Raises:
        ConfigurationError: A name is taken.
    """
    memories = NATIVE_MEMORIES if choices.native_memories and target.has_config else MEMORIES
    values = token_values(target, home, repository.root, memories)
    files: dict[str, WantedFile] = {}
    blocks: list[WantedBlock] = []
    notes: list[str] = []
    for path, data in repository.memories.items():
        files[f"{memories}/{path}"] = WantedFile(data)
    url = report_url(repository.fragment) if choices.report_use else None
    for name, skill in repository.skills.items():
        own = {**values, "skill": name}
        for path, file in skill.items():
            data, odd = _expanded(path, file.data, own, url)
            files[f"{target.skills}/{name}/{path}"] = WantedFile(data, file.is_executable)
            notes += [f"{repository.root / SKILLS / name / path}, {each}" for each in odd]
    told = memory.memory_text(
        {path: data.decode("utf-8-sig") for path, data in repository.memories.items()},
        values["memories"],
    )
    if told and target.instructions:
        blocks.append(WantedBlock(target.instructions, memory.BLOCK, WantedKind.MARKDOWN, told))
    elif told:
        _add_memory_skill(repository, target, told, files)
    if target.has_config:
        files.update((name, WantedFile(data)) for name, data in repository.profiles.items())
        if repository.fragment.strip("\ufeff \t\r\n"):
            blocks.append(WantedBlock(CONFIG, CONFIG_BLOCK, WantedKind.TOML, repository.fragment))
    return WantedContents(files, tuple(blocks), tuple(notes))


def _expanded(
    path: str, data: bytes, values: Mapping[str, str], url: str | None
) -> tuple[bytes, list[BlockError]]:
    """Return a skill's file in its deployed form, and its faults."""
    is_main = path == SKILL_FILE
    if not is_main and (b"{{" not in data or PurePosixPath(path).suffix not in EXPANDED_SUFFIXES):
        return data, []
    try:
        text, unknown = expand(data.decode(), values)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        told = "not UTF-8 text, deployed unchanged; save the file as UTF-8"
        return data, [BlockError(line, told)]
    odd: list[BlockError] = [*unknown]
    if is_main and url is not None:
        try:
            text = with_report(text, values["client"], values["skill"], url)
        except BlockError as error:
            odd.append(BlockError(error.line, f"{error.problem}; its use is not reported"))
    return text.encode(), odd


def _add_memory_skill(
    repository: Repository, target: Target, told: str, files: dict[str, WantedFile]
) -> None:
    path = f"{target.skills}/{memory.SKILL}/{SKILL_FILE}"
    if path in files:
        raise ConfigurationError(
            f"{repository.root / SKILLS / memory.SKILL} has the name of the skill that delivers "
            f"{repository.root / MEMORY} to {target.name}; rename it"
        )
    files[path] = WantedFile(memory.memory_skill(told).encode())
