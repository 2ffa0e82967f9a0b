"""Copy the contents of a client's folder back into the repository for review.

Reads only, except `keep`. Guarantees: no file with a likely secret, no file of Codex's own
(`skills/.system`), and no file behind a link out of the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from codexmcp.data_classes import dataclass, replace
from codexmcp.errors import ConfigurationError
from codexmcp.home.atomic_write import put
from codexmcp.home.block_markers import BlockError
from codexmcp.home.changes import FileChange, read_file, text_of_file
from codexmcp.home.sync.paths import resolved_file, trouble_with
from codexmcp.home.sync.targets import MEMORIES, NATIVE_MEMORIES, Target
from codexmcp.home.sync.tree import Skipped, TreeFile, read_bytes, walk
from codexmcp.home.sync.wanted import CONFIG, CONFIG_BLOCK
from codexmcp.home.toml_blocks import read_block

MOST_BYTES = 4 * 1024 * 1024
"""The size of a file too large for skills and memories."""

_MODE = 0o644
_CODEX_OWN = ".system"
_BLOCK_FILE = "config-block.toml"

FindSecret = Callable[[str], int | None]
"""Returns the line, from 1, of the first secret in a text; None without a secret."""


@dataclass(frozen=True, slots=True)
class PulledFile:
    """A file to copy back.

    Attributes:
        source: The file in the client's folder.
        change: The change in the repository.
        secret_line: The line of a likely secret, or None.
        is_executable: The file is executable.
    """

    source: str
    change: FileChange
    secret_line: int | None
    is_executable: bool = False

    @property
    def is_new(self) -> bool:
        """True if the repository's file is missing or different."""
        return self.change.before != self.change.after


@dataclass(frozen=True, slots=True)
class PullResult:
    """The contents of a client's folder.

    Attributes:
        found: The files to copy back.
        skipped: The other files, each with a reason.
    """

    found: tuple[PulledFile, ...]
    skipped: tuple[Skipped, ...]


def look(target: Target, home: Path, repository: Path, find_secret: FindSecret) -> PullResult:
    """Return the blocks, memories and skills in a client's folder.

    Args:
        target: The client.
        home: The client's folder.
        repository: The repository's folder.
        find_secret: Searches for secrets.

    Raises:
        ConfigurationError: A file is not readable.
    """
    root, into = home.resolve(), repository.resolve()
    found: list[PulledFile] = []
    skipped: list[Skipped] = []
    if target.has_config:
        found += _block(root, into, target, find_secret)
    for each in _runtime_files(root, target):
        if isinstance(each, Skipped):
            skipped.append(each)
            continue
        file = _found(each.path, read_bytes(each), into, target, find_secret)
        found.append(replace(file, is_executable=each.is_executable))
    return PullResult(tuple(found), tuple(skipped))


def keep(files: Sequence[PulledFile]) -> None:
    """Write files into the repository.

    Raises:
        ConfigurationError: A file is not writable.
    """
    for file in files:
        path = file.change.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            put(
                str(path),
                file.change.after or b"",
                like=str(path),
                mode=_MODE,
                is_executable=file.is_executable,
            )
        except OSError as error:
            raise ConfigurationError(f"cannot write {error.filename}: {error.strerror}") from None


def _block(root: Path, into: Path, target: Target, find_secret: FindSecret) -> Iterator[PulledFile]:
    path = resolved_file(root, CONFIG, "folder")
    try:
        body = read_block(text_of_file(path, read_file(path)), CONFIG_BLOCK)
    except BlockError as error:
        raise ConfigurationError(f"{path}, {error}") from None
    if body is not None:
        yield _found(_BLOCK_FILE, body.encode(), into, target, find_secret)


def _runtime_files(root: Path, target: Target) -> Iterator[TreeFile | Skipped]:
    native = [NATIVE_MEMORIES] if target.has_config else []
    for folder in (MEMORIES, *native, target.skills):
        try:
            start = resolved_file(root, folder, "folder")
        except ConfigurationError as error:
            yield Skipped(folder, str(error))
            continue
        for each in walk(start, root):
            path = f"{folder}/{each.path}"
            if folder == target.skills and each.path.split("/")[0] == _CODEX_OWN:
                continue
            if isinstance(each, Skipped):
                yield Skipped(path, each.reason)
            elif folder != target.skills and not path.endswith(".md"):
                continue
            elif each.size > MOST_BYTES:
                yield Skipped(path, f"larger than {MOST_BYTES // 1024**2} MiB")
            elif trouble := trouble_with(path):
                yield Skipped(path, trouble)
            else:
                yield TreeFile(path, each.real, each.size, each.is_executable)


def _found(
    source: str, data: bytes, into: Path, target: Target, find_secret: FindSecret
) -> PulledFile:
    path = resolved_file(into, f"clients/{target.name}/{source}", "repository")
    # Every byte is a character of Latin-1, and the characters of secrets are the same in it.
    line = find_secret(data.decode("latin-1"))
    return PulledFile(source, FileChange(path, read_file(path), data), line)
