"""Runs one program: from its arguments through an agent's work to an exit code.

Owns the signals, the bound on time and the order of the end. Promises one plain line for every
error, and that nothing it started is left when it returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, NoReturn

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.arguments import Arguments, parse_arguments
from codexmcp.agents.background import in_background
from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.display import Display, JsonDisplay, TextDisplay
from codexmcp.agents.follower import Follower
from codexmcp.agents.outcome import Outcome
from codexmcp.agents.output import Output
from codexmcp.agents.program import OpenAgent, Program
from codexmcp.agents.progress import ShowStep
from codexmcp.agents.record import Record
from codexmcp.agents.workplace import Plan, Workplace, make_plan, open_workplace
from codexmcp.appserver.orphans import orphans_ended
from codexmcp.errors import (
    CodexMCPError,
    DeadlineError,
    ExitCode,
    InterruptedByUserError,
    WorkError,
)

if TYPE_CHECKING:
    from agents import Agent

REHEARSAL_NOTE = "rehearsal: no model is called"

RunAgent = Callable[["Agent[None]", Workplace, ShowStep], Awaitable[str]]


def run_program(program: Program, argv: Sequence[str] | None) -> int:
    """Run an entry point and return its exit code.

    Args:
        program: The entry point.
        argv: The arguments; None means those of the process.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        arguments = parse_arguments(
            words,
            program=program.name,
            default_prompt=program.default_prompt,
            server_command=program.server_command,
        )
    except CodexMCPError as error:
        sys.stderr.write(f"{program.name}: {error}\n")
        return error.exit_code
    _set_logging(debug=arguments.debug)
    code = asyncio.run(_run(program, arguments))
    if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        _leave(code)
    return code


async def _run(program: Program, arguments: Arguments) -> int:
    """Plan, work, and show the end."""
    started = time.monotonic()
    record = Record()
    display = _display(arguments)
    if arguments.rehearse:
        display.note(REHEARSAL_NOTE)
    outcome = Outcome()
    try:
        with _interruptible(display), orphans_ended():
            plan = make_plan(arguments, program.project)
            display.cleaner = Cleaner(plan.secrets)
            outcome.watch(plan.folder)
            left_s = _left(arguments.timeout_s, started)
            outcome.answer = await _work(program, plan, record, display, left_s)
            outcome.error = _hidden_failure(outcome, record)
    except CodexMCPError as problem:
        outcome.error = problem
    except Exception as problem:  # noqa: BLE001 - whatever it is, the user gets one plain line
        outcome.error = WorkError(f"{type(problem).__name__}: {problem} (--debug shows where)")
        outcome.error.__cause__ = problem
    if outcome.error is not None and arguments.debug:
        logging.getLogger(__name__).error("the run failed", exc_info=outcome.error)
    rehearse = " --rehearse" if arguments.rehearse else ""
    summary = outcome.summary(record, command=f"uv run python {program.name}{rehearse}")
    display.finish(summary)
    if display.out.failure is not None:
        Output(sys.stderr).write_line(f"error: {display.out.failure}")
        return summary.exit_code or ExitCode.FAILED
    return summary.exit_code


async def _work(
    program: Program, plan: Plan, record: Record, display: Display, timeout_s: float | None
) -> str:
    """Return the agent's answer."""
    try:
        async with (
            asyncio.timeout(timeout_s),
            Alarm() as alarm,
            open_workplace(plan, alarm) as workplace,
        ):
            display.cleaner = Cleaner(plan.secrets, workplace.aliases)
            show = Follower(record, display, alarm).step
            # In a thread, so that signals and the status line do not wait for the import.
            open_agent, run_agent = await in_background(lambda: _load(program))
            async with open_agent(workplace, record, show) as agent:
                return await run_agent(agent, workplace, show)
    except TimeoutError:
        raise DeadlineError(
            f"not done after {plan.arguments.timeout_s:g} s; continue with --resume, or give "
            "it longer with --timeout"
        ) from None


def _load(program: Program) -> tuple[OpenAgent, RunAgent]:
    """Import what needs the SDK."""
    open_agent = program.load_agent()
    from codexmcp.agents.agent_run import run_agent  # noqa: PLC0415

    return open_agent, run_agent


@contextlib.contextmanager
def _interruptible(display: Display) -> Generator[None, None, None]:
    """Turn SIGINT and SIGTERM into `InterruptedByUserError` while the block runs."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def interrupt(number: int) -> None:
        if received:
            # Asked twice: do not wait for anything. Children notice that we are gone.
            display.abandon()
            os._exit(_code_for(received[0]))
        received.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    except asyncio.CancelledError:
        if not received:
            raise
        name = signal.Signals(received[0]).name
        raise InterruptedByUserError(
            f"interrupted by {name}; --resume continues", _code_for(received[0])
        ) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _leave(code: int) -> NoReturn:
    """End at once: taking the SDK's modules down would take half a second more."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _code_for(number: int) -> ExitCode:
    """Return the exit code after a signal: 130, but 143 for an init that ends its service.

    Source: a container engine stops a program by SIGTERM and knows 128 + 15. Its parent is then
    process 1, or nobody in a container without an init.
    """
    is_service = number == signal.SIGTERM and os.getppid() <= 1
    return ExitCode.TERMINATED if is_service else ExitCode.INTERRUPTED


def _display(arguments: Arguments) -> Display:
    return JsonDisplay(Cleaner()) if arguments.json else TextDisplay(Cleaner())


def _hidden_failure(outcome: Outcome, record: Record) -> WorkError | None:
    """Return the failure of Codex that the agent's answer may not tell of."""
    reason = record.failure(files_changed=bool(outcome.files()))
    return None if reason is None else WorkError(reason)


def _left(timeout_s: float | None, started: float) -> float | None:
    return None if timeout_s is None else max(timeout_s - (time.monotonic() - started), 0.001)


def _set_logging(*, debug: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.ERROR,
        format="%(name)s: %(levelname)s: %(message)s",
        stream=sys.stderr,
    )
    if not debug:
        # The libraries log what we report in our own words.
        for name in ("openai", "agents", "mcp", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
