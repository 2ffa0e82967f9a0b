"""The result of a run: answer, error, and the files created or changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from codexmcp.agents.record import AgentRecord
from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError, exit_code_of

MAX_FILES = 20_000
"""Bound on the files of a folder; beyond it, changes are not reported."""

_SKIPPED = frozenset({".git", ".codex", ".agents", "node_modules", ".venv", "__pycache__"})

Snapshot = dict[str, tuple[int, int]]
"""Modification time in nanoseconds and size in bytes of each file, by its relative path."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a run, for display.

    Attributes:
        answer: The agent's answer; None without an answer.
        error: The failure, in a single line; None after a success.
        exit_code: The exit code of the process.
        record: The facts.
        files: New and changed files, relative to `folder`.
        folder: Codex's working directory; empty if Codex was not started.
        command: The command line to continue, such as `uv run python main.py`; empty if
            continuation is impossible.
    """

    answer: str | None
    error: str | None
    exit_code: int
    record: AgentRecord
    files: list[str]
    folder: str
    command: str


@dataclass(slots=True)
class AgentOutcome:
    """The state of a run in progress.

    Attributes:
        answer: The agent's answer.
        error: The failure.
    """

    answer: str | None = None
    error: CodexMCPError | None = None
    _folder: Path | None = None
    _before: Snapshot | None = None

    def watch(self, folder: Path) -> None:
        """Take a snapshot of the folder's files."""
        self._folder = folder
        self._before = take_snapshot(folder)

    def files(self) -> list[str]:
        """Return the files new or changed since `watch`."""
        if self._folder is None:
            return []
        return changed_files(self._before, take_snapshot(self._folder))

    def summary(self, record: AgentRecord, *, command: str) -> Summary:
        """Return the result of the run for display."""
        return Summary(
            answer=self.answer,
            error=None if self.error is None else " ".join(str(self.error).split()),
            exit_code=exit_code_of(self.error),
            record=record,
            files=self.files(),
            folder="" if self._folder is None else str(self._folder),
            command=command,
        )


def take_snapshot(folder: Path) -> Snapshot | None:
    """Return the files below a folder; None for more than `MAX_FILES`."""
    snapshot: Snapshot = {}
    for entry in _walk(folder):
        if len(snapshot) >= MAX_FILES:
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        snapshot[os.path.relpath(entry.path, folder)] = (status.st_mtime_ns, status.st_size)
    return snapshot


def changed_files(before: Snapshot | None, after: Snapshot | None) -> list[str]:
    """Return the sorted relative paths of new and changed files."""
    if before is None or after is None:
        return []
    return sorted(path for path, state in after.items() if before.get(path) != state)


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _SKIPPED:
                yield from _walk(Path(entry.path))
        else:
            yield entry
