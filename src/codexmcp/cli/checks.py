"""Checks in a row, each with its report at its end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable

from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line
from codexmcp.data_classes import dataclass
from codexmcp.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a check.

    Attributes:
        is_ok: The check found no faults.
        head: Subject and verdict.
        facts: Names and texts of the findings.
        fields: The same for a program.
    """

    is_ok: bool
    head: str
    facts: tuple[tuple[str, str], ...]
    fields: dict[str, object]

    def lines(self) -> list[str]:
        """Return the lines for people."""
        width = max((len(name) for name, _ in self.facts), default=0)
        facts = (f"  {name:<{width}}  {one_line(text)}" for name, text in self.facts)
        return [one_line(self.head), *facts]


@dataclass(frozen=True, slots=True)
class Check:
    """A check, with its line of progress."""

    doing: str
    make: Callable[[], Awaitable[Checked]]


def make_checks(checks: Iterable[Check], output: Output) -> int:
    """Make checks in a row, print their results, and return the exit code."""
    try:
        done = asyncio.run(_make_all(checks, output))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    if output.is_json:
        output.say_json([checked.fields for checked in done])
    return ExitCode.DONE if all(checked.is_ok for checked in done) else ExitCode.FAILED


def cancel_on_signals() -> None:
    """Cancel the current task on SIGTERM and SIGHUP, unless ignored."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What is checked was started in a session of its own, and would stay behind.
        if signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _make_all(checks: Iterable[Check], output: Output) -> list[Checked]:
    done: list[Checked] = []
    cancel_on_signals()
    for check in checks:
        output.progress(check.doing)
        checked = await check.make()
        output.end_progress()
        done.append(checked)
        if not output.is_json:
            for line in checked.lines():
                output.say(line)
    return done
