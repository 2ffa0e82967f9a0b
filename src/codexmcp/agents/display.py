"""Shows a run: to a person on stderr and stdout, or to a program as JSON lines on stdout.

The only file that prints. Promises that no key and no control character gets out.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO

from codexmcp.agents.outcome import Summary
from codexmcp.agents.progress import Kind, Progress
from codexmcp.jsonvalues import is_list, is_object

# Whatever a terminal would act on instead of showing it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LABEL_WIDTH = 9
_MAX_LINE = 400


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Makes text fit to be shown.

    Attributes:
        secrets: What must not be seen, such as the key.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)

    def clean(self, text: str) -> str:
        """Return the text without secrets and control characters."""
        for secret in self.secrets:
            text = text.replace(secret, "[secret]")
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))

    def clean_value(self, value: object) -> object:
        """Return a JSON value without secrets."""
        if isinstance(value, str):
            return self.clean(value)
        if is_object(value):
            return {key: self.clean_value(entry) for key, entry in value.items()}
        if is_list(value):
            return [self.clean_value(entry) for entry in value]
        return value


class Display(Protocol):
    """Where a run is shown.

    Attributes:
        cleaner: Makes text fit to be shown; replaced once the secrets are known.
    """

    cleaner: Cleaner

    def note(self, text: str) -> None:
        """Show a remark about the run itself."""
        ...

    def show(self, step: Progress) -> None:
        """Show a step."""
        ...

    def finish(self, summary: Summary) -> None:
        """Show the end."""
        ...


class JsonDisplay:
    """One JSON object a line on stdout; the last one has the type `result`."""

    def __init__(self, cleaner: Cleaner, out: TextIO | None = None) -> None:
        self.cleaner = cleaner
        self._out = out or sys.stdout

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

    def _write(self, value: dict[str, Any]) -> None:
        self._out.write(json.dumps(self.cleaner.clean_value(value), ensure_ascii=True) + "\n")
        self._out.flush()


class TextDisplay:
    """Plain lines: progress on stderr, the answer on stdout.

    On a terminal a status line lives below the progress.
    """

    def __init__(
        self, cleaner: Cleaner, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.cleaner = cleaner
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._status = _LiveStatus() if self._err.isatty() else None

    def note(self, text: str) -> None:
        """Show a remark."""
        self._line(text)

    def show(self, step: Progress) -> None:
        """Show a step as a labelled line."""
        label = _LABELS.get(step.kind, step.kind)
        text = " ".join(self.cleaner.clean(step.text).split())
        self._line(f"{label:<{_LABEL_WIDTH}} {text[:_MAX_LINE]}")
        if self._status is not None:
            self._status.update(step)

    def finish(self, summary: Summary) -> None:
        """Show the answer, the files and how to go on."""
        if self._status is not None:
            self._status.stop()
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
        self._out.flush()
        if summary.error is not None:
            self._err.write(self.cleaner.clean(f"error: {summary.error}") + "\n")
            self._err.flush()

    def _line(self, text: str) -> None:
        if self._status is not None:
            self._status.print(self.cleaner.clean(text))
        else:
            self._err.write(self.cleaner.clean(text) + "\n")
            self._err.flush()

    def _print(self, text: str) -> None:
        cleaned = self.cleaner.clean(text)
        encoding = self._out.encoding or "utf-8"
        self._out.write(cleaned.encode(encoding, "replace").decode(encoding) + "\n")


class _LiveStatus:
    """A status line on a terminal that tells what is going on, and for how long."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - 50 ms, for a terminal only

        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("starting", spinner="line")
        self._status.start()
        self._since = time.monotonic()

    def print(self, text: str) -> None:
        """Print a line above the status, cut to the terminal's width."""
        self._console.print(text, markup=False, overflow="ellipsis", no_wrap=True, crop=True)

    def update(self, step: Progress) -> None:
        """Tell what is going on now."""
        elapsed = int(time.monotonic() - self._since)
        doing = _DOING.get(step.kind, "Codex is working")
        self._status.update(f"{doing} ({elapsed} s since the start, Ctrl-C stops it)")

    def stop(self) -> None:
        """Take the status line away."""
        self._status.stop()


_LABELS: dict[Kind, str] = {
    Kind.COMMAND: "run",
    Kind.COMMAND_END: "",
    Kind.MESSAGE: "says",
}

_DOING: dict[Kind, str] = {
    Kind.AGENT: "the agent's model is asked",
    Kind.TOOL: "Codex is starting",
    Kind.COMMAND: "Codex runs a command",
}
