"""How a run ended: the answer, the error, the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codexmcp.agents.files import Snapshot, changed_files, take_snapshot
from codexmcp.agents.record import Record
from codexmcp.errors import CodexMCPError, ExitCode


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run, as it is shown.

    Attributes:
        answer: What the agent says; None when it did not get that far.
        error: Why the run failed, in one line; None when it did not.
        exit_code: What the process returns.
        record: The facts.
        files: Files that appeared or changed, relative to `folder`.
        folder: Where Codex worked; empty when it did not get that far.
        command: How to start the next run, such as `uv run python main.py`.
    """

    answer: str | None
    error: str | None
    exit_code: int
    record: Record
    files: list[str]
    folder: str
    command: str


@dataclass(slots=True)
class Outcome:
    """How a run stands while it is under way.

    Attributes:
        answer: What the agent says.
        error: Why the run failed.
    """

    answer: str | None = None
    error: CodexMCPError | None = None
    _folder: Path | None = None
    _before: Snapshot | None = None

    def watch(self, folder: Path) -> None:
        """Remember the files of the folder as they are now."""
        self._folder = folder
        self._before = take_snapshot(folder)

    def files(self) -> list[str]:
        """Return the files that appeared or changed since `watch`."""
        if self._folder is None:
            return []
        return changed_files(self._before, take_snapshot(self._folder))

    def summary(self, record: Record, *, command: str) -> Summary:
        """Return the end of the run as it is to be shown."""
        return Summary(
            answer=self.answer,
            error=None if self.error is None else " ".join(str(self.error).split()),
            exit_code=ExitCode.DONE if self.error is None else self.error.exit_code,
            record=record,
            files=self.files(),
            folder="" if self._folder is None else str(self._folder),
            command=command,
        )
