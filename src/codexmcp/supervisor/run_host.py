"""Puts the parts of runs together: store, engine, executor and use cases.

Used by the supervisor, and by an MCP server that works on its runs itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexmcp.appserver.threads import Threads
from codexmcp.errors import CodexMCPError
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.codex import CodexSource
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.execution import Executor, Workshop
from codexmcp.runs.ownership import Ownership
from codexmcp.runs.recovery import Recovery
from codexmcp.runs.run import Run
from codexmcp.runs.service import Keeping, RunService
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.store import Limits, RunStore
from codexmcp.server import extras
from codexmcp.supervisor.directory import LOCKS_NAME, STORE_NAME


@dataclass(frozen=True, slots=True)
class RunHostOptions:
    """How runs are kept and worked on.

    Attributes:
        home: The Codex home, that of the container if Codex runs in one.
        pointer_dir: The folder of the store and the index of all projects.
        group: The runs of this process: those with its credentials.
        socket: Where it can be reached; empty for nowhere.
        limits: How many runs may be active.
        secrets: What must not appear in audit files.
        hidden: Files that the commands of runs must not read, beside the login.
        drain_s: How long active runs may take at the end, in seconds.
        allow_amendments: Whether an answer may write a rule to the Codex home.
        make_store: Opens the store.
    """

    home: Path
    pointer_dir: Path
    group: str
    socket: str = ""
    limits: Limits = field(default_factory=Limits)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    hidden: tuple[Path, ...] = ()
    drain_s: float | None = 0.0
    allow_amendments: bool = False
    make_store: Callable[[Path], RunStore] = SqliteStore


@dataclass(frozen=True, slots=True)
class RunHost:
    """Runs, ready to be worked with.

    Attributes:
        service: The use cases.
        engine: What works on them.
        threads: The threads of the app-server.
        executor: What answers Codex's questions for them.
    """

    service: RunService
    engine: EmbeddedEngine
    threads: Threads
    executor: Executor


@contextlib.asynccontextmanager
async def run_host(
    options: RunHostOptions, codex: CodexSource, threads: Threads
) -> AsyncGenerator[RunHost, None]:
    """Keep runs and work on them while the block runs; then drain.

    Args:
        options: How.
        codex: Gives the app-server, whose questions the executor answers.
        threads: The threads of the app-server.

    Raises:
        StoreError: The store cannot be opened.
    """
    store = options.make_store(options.pointer_dir / STORE_NAME)
    locks = options.pointer_dir / LOCKS_NAME
    keeping = Keeping(store, options.pointer_dir, options.group, Redactor(options.secrets))
    with contextlib.closing(store), _owned(store, locks, options) as ownership:
        executor = Executor(_workshop(options, codex, keeping, threads))
        recovery = Recovery(store, ownership.owner, locks, codex, lambda run: _note(keeping, run))

        async def sweep() -> None:
            await recovery.sweep()
            await executor.unload_kept()

        work = Work(executor.execute, sweep)
        engine = EmbeddedEngine(store, ownership.owner, options.limits, work)
        service = RunService(keeping, engine, executor.approvals)
        # An engine that broke takes the block down: nobody would work on its runs.
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(engine.serve())
            try:
                yield RunHost(service, engine, threads, executor)
            finally:
                await asyncio.shield(engine.drain(options.drain_s))
                working.cancel()


@contextlib.contextmanager
def _owned(
    store: RunStore, locks: Path, options: RunHostOptions
) -> Generator[Ownership, None, None]:
    ownership = Ownership.take(locks, socket=options.socket, group=options.group)
    try:
        store.add_owner(ownership.owner)
        yield ownership
    finally:
        # Whatever it still owns on record is found by the next one.
        with contextlib.suppress(CodexMCPError):
            if not store.owned(ownership.owner.id):
                store.delete_owner(ownership.owner.id)
        ownership.release()


def _workshop(
    options: RunHostOptions, codex: CodexSource, keeping: Keeping, threads: Threads
) -> Workshop:
    hidden = [options.home / "auth.json", *options.hidden]
    return Workshop(
        codex=codex,
        store=keeping.store,
        reopen=keeping.reopen,
        threads=threads,
        check_output=_check_output,
        denied=tuple(str(path) for path in hidden if path.exists()),
        allow_amendments=options.allow_amendments,
    )


def _check_output(schema: Mapping[str, Any], message: str) -> str | None:
    return extras.read_output(schema, message)[1]


def _note(keeping: Keeping, run: Run) -> None:
    """Keep a change that was not made while somebody worked on the run."""
    with contextlib.closing(keeping.reopen(run)) as trail:
        trail.state(run)
