"""Display of a run: for a person on stderr and stdout, or for a program as JSON lines on stdout.

Selects the output; `status` draws the status line. No output contains a key or a control character.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.outcome import Summary
from codexmcp.agents.progress import AgentProgress, ProgressKind

if TYPE_CHECKING:
    from codexmcp.agents.status import StatusLine

_LABEL_WIDTH = 10
_MAX_LINE = 400


class Display(Protocol):
    """The display of a run.

    Attributes:
        cleaner: Sanitizes text; replaced once the secrets are known.
    """

    cleaner: Cleaner

    def note(self, text: str) -> None:
        """Show a remark about the run itself."""
        ...

    def show(self, step: AgentProgress) -> None:
        """Show a step."""
        ...

    def finish(self, summary: Summary) -> None:
        """Show the end."""
        ...

    def abandon(self) -> None:
        """Restore the terminal, without an end."""
        ...


class JsonDisplay:
    """A JSON object per line on stdout; the last has the type `result`."""

    def __init__(self, cleaner: Cleaner, out: TextIO | None = None) -> None:
        self.cleaner = cleaner
        self._out = out or sys.stdout

    def note(self, text: str) -> None:
        """Write a remark."""
        self._write({"type": "note", "text": text})

    def show(self, step: AgentProgress) -> None:
        """Write a step."""
        self._write({"type": step.kind, "text": step.text, **step.data, "failed": step.failed})

    def finish(self, summary: Summary) -> None:
        """Write the end."""
        self._write(
            {
                "type": "result",
                "answer": summary.answer,
                "error": summary.error,
                "exitCode": summary.exit_code,
                "threadId": summary.record.thread_id,
                "files": summary.files,
                "folder": summary.folder,
                "tokens": dict(summary.record.tokens),
            }
        )

    def abandon(self) -> None:
        """Do nothing: the output is complete."""

    def _write(self, value: dict[str, Any]) -> None:
        _write_line(self._out, json.dumps(self.cleaner.clean_value(value), ensure_ascii=True))


class TextDisplay:
    """Plain lines: progress on stderr, the answer on stdout.

    A terminal also has a status line below the progress.
    """

    def __init__(
        self, cleaner: Cleaner, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.cleaner = cleaner
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._status = _status_line(self._err) if self._err.isatty() else None

    def note(self, text: str) -> None:
        """Show a remark."""
        self._line("", text)

    def show(self, step: AgentProgress) -> None:
        """Show a step as a labelled line."""
        label = _LABELS.get(step.kind, step.kind)
        self._line(f"{label:<{_LABEL_WIDTH}}", step.text, failed=step.failed)
        if self._status is not None:
            self._status.update(step)

    def finish(self, summary: Summary) -> None:
        """Show the answer, the files and the command to continue."""
        self.abandon()
        if summary.answer is not None:
            self._print(summary.answer)
        if summary.files:
            self._print(f"\nFiles in {summary.folder}:")
            for path in summary.files:
                self._print(f"  {path}")
        if summary.record.thread_id is not None:
            self._print(_how_to_continue(summary.command, summary.record.thread_id))
        if summary.error is not None:
            _write_line(self._err, self.cleaner.clean(f"error: {summary.error}"))

    def abandon(self) -> None:
        """Remove the status line."""
        if self._status is not None:
            self._status.stop()

    def _line(self, label: str, text: str, *, failed: bool = False) -> None:
        shown = " ".join(self.cleaner.clean(text).split())
        if len(shown) > _MAX_LINE:
            shown = shown[: _MAX_LINE - 1] + "\N{HORIZONTAL ELLIPSIS}"
        if self._status is not None:
            self._status.print(label, shown, failed=failed)
        else:
            _write_line(self._err, f"{label}{shown}")

    def _print(self, text: str) -> None:
        _write_line(self._out, self.cleaner.clean(text))


def _write_line(stream: TextIO, text: str) -> None:
    # Immediately: a reader may wait for the line.
    stream.write(f"{text}\n")
    stream.flush()


def _status_line(err: TextIO) -> StatusLine:
    from rich.console import Console  # noqa: PLC0415 - 50 ms, for a terminal only

    from codexmcp.agents.status import StatusLine  # noqa: PLC0415

    return StatusLine(Console(file=err, highlight=False))


_LABELS: dict[ProgressKind, str] = {
    ProgressKind.COMMAND: "run",
    ProgressKind.COMMAND_END: "",
    ProgressKind.MESSAGE: "says",
}


def _how_to_continue(command: str, thread_id: str) -> str:
    if command:
        return f'\nContinue with: {command} --resume {thread_id} "<prompt>"'
    return (
        "\nThe conversation ends with this container; to continue one, keep the Codex home: "
        "docker run -v codexmcp-home:/app/.codex ..."
    )
