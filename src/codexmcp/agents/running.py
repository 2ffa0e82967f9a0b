"""Run a program: from its arguments through an agent's work to an exit code.

Owns the signals, the time limit and the order of the shutdown. Every error is printed as a single
plain line, and no child process or task is left.
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
from typing import TYPE_CHECKING

from codexmcp.agents.alarm import Alarm
from codexmcp.agents.arguments import Arguments, parse_arguments
from codexmcp.agents.cleaner import Cleaner
from codexmcp.agents.display import Display, JsonDisplay, TextDisplay
from codexmcp.agents.follower import Follower
from codexmcp.agents.outcome import AgentOutcome
from codexmcp.agents.program import OpenAgent, Program
from codexmcp.agents.progress import ShowStep
from codexmcp.agents.record import AgentRecord
from codexmcp.agents.workplace import Workplace, WorkplacePlan, make_plan, open_workplace
from codexmcp.appserver.orphans import orphans_ended
from codexmcp.entry import Work, leave
from codexmcp.errors import (
    CodexMCPError,
    DeadlineError,
    ExitCode,
    InterruptedByUserError,
    WorkError,
)
from codexmcp.settings import restart_command
from codexmcp.worker_thread import in_thread

if TYPE_CHECKING:
    from agents import Agent

REHEARSAL_NOTE = "rehearsal: no model is called"

RunAgent = Callable[["Agent[None]", Workplace, ShowStep], Awaitable[str]]


def prepared(program: Program, argv: Sequence[str]) -> Work:
    """Parse a program's arguments and return its work.

    Raises:
        UsageError: The arguments are invalid.
    """
    arguments = parse_arguments(
        argv,
        program=program.name,
        command=program.command,
        default_prompt=program.default_prompt,
        server_command=program.server_command,
    )

    def work() -> int:
        _set_logging(debug=arguments.debug)
        code = asyncio.run(_run(program, arguments))
        if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
            # A normal interpreter shutdown with the SDK's modules takes half a second more.
            leave(program.name, code)
        return code

    return work


async def _run(program: Program, arguments: Arguments) -> int:
    """Plan, work, and show the end."""
    started = time.monotonic()
    record = AgentRecord()
    display = _display(arguments)
    if arguments.rehearse:
        display.note(REHEARSAL_NOTE)
    outcome = AgentOutcome()
    try:
        with _interruptible(display), orphans_ended():
            plan = make_plan(arguments, program.project)
            display.cleaner = Cleaner(plan.secrets)
            outcome.watch(plan.folder)
            left_s = _left(arguments.timeout or None, started)
            outcome.answer = await _work(program, plan, record, display, left_s)
            outcome.error = _hidden_failure(outcome, record)
    except CodexMCPError as problem:
        outcome.error = problem
    except Exception as problem:  # noqa: BLE001 - the user gets a single plain line for any error
        outcome.error = WorkError(f"{type(problem).__name__}: {problem} (--debug shows where)")
        outcome.error.__cause__ = problem
    if outcome.error is not None and arguments.debug:
        logging.getLogger(__name__).error("the run failed", exc_info=outcome.error)
    rehearse = " --rehearse" if arguments.rehearse else ""
    called = restart_command(program.command)
    summary = outcome.summary(record, command=called and f"{called}{rehearse}")
    display.finish(summary)
    return summary.exit_code


async def _work(
    program: Program,
    plan: WorkplacePlan,
    record: AgentRecord,
    display: Display,
    timeout_s: float | None,
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
            # In a thread, so signals and the status line do not wait for the import.
            open_agent, run_agent = await in_thread(lambda: _load(program))
            async with open_agent(workplace, record, show) as agent:
                return await run_agent(agent, workplace, show)
    except TimeoutError:
        raise DeadlineError(
            f"not done after {plan.arguments.timeout:g} s; continue with --resume, or give "
            "it longer with --timeout"
        ) from None


def _load(program: Program) -> tuple[OpenAgent, RunAgent]:
    """Import the modules with the SDK."""
    open_agent = program.load_agent()
    from codexmcp.agents.agent_run import run_agent  # noqa: PLC0415

    return open_agent, run_agent


@contextlib.contextmanager
def _interruptible(display: Display) -> Generator[None, None, None]:
    """Convert SIGINT and SIGTERM into `InterruptedByUserError` while the block runs."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    received: list[int] = []

    def interrupt(number: int) -> None:
        if received:
            # The second signal ends the process immediately. Children notice the end.
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


def _code_for(number: int) -> ExitCode:
    """Return the exit code after a signal: 130, or 143 for an init that ends its service.

    Source: a container engine stops a program with SIGTERM and expects 128 + 15. The parent is then
    process 1, or absent in a container without an init.
    """
    is_service = number == signal.SIGTERM and os.getppid() <= 1
    return ExitCode.TERMINATED if is_service else ExitCode.INTERRUPTED


def _display(arguments: Arguments) -> Display:
    return JsonDisplay(Cleaner()) if arguments.json else TextDisplay(Cleaner())


def _hidden_failure(outcome: AgentOutcome, record: AgentRecord) -> WorkError | None:
    """Return Codex's failure, possibly missing from the agent's answer."""
    reason = record.failure(files_changed=bool(outcome.files()))
    return None if reason is None else WorkError(reason)


def _left(timeout_s: float | None, started: float) -> float | None:
    return None if timeout_s is None else max(timeout_s - (time.monotonic() - started), 0.001)


def _set_logging(*, debug: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.ERROR,
        format="%(name)s: %(levelname)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    if not debug:
        # We report the libraries' log messages ourselves.
        for name in ("openai", "agents", "mcp", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
