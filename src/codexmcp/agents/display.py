"""Shows a run: to a person on stderr and stdout, or to a program as JSON lines on stdout.

Decides what is shown; `output` and `status` write it. Promises that nothing it shows holds a key
or a control character.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.outcome import Summary
from codexmcp.agents.output import Output
from codexmcp.agents.progress import Kind, Progress

if TYPE_CHECKING:
    from codexmcp.agents.status import StatusLine

_LABEL_WIDTH = 10
_MAX_LINE = 400


class Display(Protocol):
    """Where a run is shown.

    Attributes:
        cleaner: Makes text fit to be shown; replaced once the secrets are known.
        out: Where stdout's text goes.
    """

    cleaner: Cleaner
    out: Output

    def note(self, text: str) -> None:
        """Show a remark about the run itself."""
        ...

    def show(self, step: Progress) -> None:
        """Show a step."""
        ...

    def finish(self, summary: Summary) -> None:
        """Show the end."""
        ...

    def abandon(self) -> None:
        """Leave the terminal as it was, without an end."""
        ...


class JsonDisplay:
    """One JSON object a line on stdout; the last one has the type `result`."""

    def __init__(self, cleaner: Cleaner, out: TextIO | None = None) -> None:
        self.cleaner = cleaner
        self.out = Output(out or sys.stdout)

    def note(self, text: str) -> None:
        """Write a remark."""
        self._write({"type": "note", "text": text})

    def show(self, step: Progress) -> None:
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
        """Do nothing: what was written is whole."""

    def _write(self, value: dict[str, Any]) -> None:
        self.out.write_line(json.dumps(self.cleaner.clean_value(value), ensure_ascii=True))


class TextDisplay:
    """Plain lines: progress on stderr, the answer on stdout.

    On a terminal a status line lives below the progress.
    """

    def __init__(
        self, cleaner: Cleaner, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.cleaner = cleaner
        self.out = Output(out or sys.stdout)
        self._err = Output(err or sys.stderr)
        self._status = _status_line(err or sys.stderr) if self._err.is_terminal else None

    def note(self, text: str) -> None:
        """Show a remark."""
        self._line("", text)

    def show(self, step: Progress) -> None:
        """Show a step as a labelled line."""
        label = _LABELS.get(step.kind, step.kind)
        self._line(f"{label:<{_LABEL_WIDTH}}", step.text, failed=step.failed)
        if self._status is not None:
            self._status.update(step)

    def finish(self, summary: Summary) -> None:
        """Show the answer, the files and how to go on."""
        self.abandon()
        if summary.answer is not None:
            self._print(summary.answer)
        if summary.files:
            self._print(f"\nFiles in {summary.folder}:")
            for path in summary.files:
                self._print(f"  {path}")
        if summary.record.thread_id is not None:
            self._print(
                f'\nContinue with: {summary.command} --resume {summary.record.thread_id} "<prompt>"'
            )
        if summary.error is not None:
            self._err.write_line(self.cleaner.clean(f"error: {summary.error}"))

    def abandon(self) -> None:
        """Take the status line away."""
        if self._status is not None:
            self._status.stop()

    def _line(self, label: str, text: str, *, failed: bool = False) -> None:
        shown = " ".join(self.cleaner.clean(text).split())
        if len(shown) > _MAX_LINE:
            shown = shown[: _MAX_LINE - 1] + "\N{HORIZONTAL ELLIPSIS}"
        if self._status is not None:
            self._status.print(label, shown, failed=failed)
        else:
            self._err.write_line(f"{label}{shown}")

    def _print(self, text: str) -> None:
        self.out.write_line(self.cleaner.clean(text))


def _status_line(err: TextIO) -> StatusLine:
    from rich.console import Console  # noqa: PLC0415 - 50 ms, for a terminal only

    from codexmcp.agents.status import StatusLine  # noqa: PLC0415

    return StatusLine(Console(file=err, highlight=False))


_LABELS: dict[Kind, str] = {
    Kind.COMMAND: "run",
    Kind.COMMAND_END: "",
    Kind.MESSAGE: "says",
}
