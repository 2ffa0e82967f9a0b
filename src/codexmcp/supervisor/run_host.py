"""The composition of the parts of runs: store, engine, executor and use cases.

For the supervisor, and for an MCP server with its own runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from codexmcp.codex.desk import Desk
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.data_classes import dataclass, field, replace
from codexmcp.errors import CodexMCPError
from codexmcp.policy import extras
from codexmcp.runs import sqlite_store, store_thread
from codexmcp.runs.audit.reconciling import reconcile
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.embedded import EmbeddedEngine, Work
from codexmcp.runs.engine import Engine
from codexmcp.runs.execution import Executor, RunDependencies
from codexmcp.runs.groups import conversations_of
from codexmcp.runs.liveness import Liveness
from codexmcp.runs.ownership import FlockLiveness
from codexmcp.runs.recovery import Recovery
from codexmcp.runs.run import Run
from codexmcp.runs.service import RunService, RunStorage
from codexmcp.runs.store import Limits, Owner, RunStore
from codexmcp.supervisor.directory import LOCKS_NAME, STORE_NAME
from codexmcp.supervisor.listening import taken

LEAVE_TIMEOUT_S = 5.0
"""Bound on the removal of this owner from the store at the end; a later owner can remove it."""


@dataclass(frozen=True, slots=True)
class RunHostOptions:
    """Settings of runs and of the work on runs.

    Attributes:
        home: The Codex home; with a container, the home in the container.
        pointer_dir: The folder of the store and of the index of all projects.
        group: The runs of this process, selected by credentials.
        socket: The socket of this process; empty without a socket.
        limits: Bounds on active runs.
        secrets: Text to remove from audit files.
        hidden: Files closed to commands of runs, beside the login.
        drain_s: Bound on active runs at the end, in seconds. None: no bound.
        allow_amendments: Allow an answer to write a rule to the Codex home.
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


@dataclass(frozen=True, slots=True)
class RunHost:
    """The running parts of runs.

    Attributes:
        service: The use cases.
        engine: Works on the runs.
        executor: Works on an attempt.
        move: Stores a new path of this process's socket.
    """

    service: RunService
    engine: Engine
    executor: Executor
    move: Callable[[str], Awaitable[None]]


@contextlib.asynccontextmanager
async def run_host(options: RunHostOptions, desk: Desk) -> AsyncGenerator[RunHost, None]:
    """Work on runs during the block; then drain.

    Args:
        options: Settings of runs.
        desk: The desk for turns.

    Raises:
        StoreError: The store cannot be opened.
    """
    path = options.pointer_dir / STORE_NAME
    liveness = FlockLiveness(options.pointer_dir / LOCKS_NAME)
    async with (
        store_thread.opened(lambda: sqlite_store.SqliteStore(path)) as store,
        _owned(store, liveness, options) as owner,
    ):
        keeping = RunStorage(store, options.pointer_dir, options.group, Redactor(options.secrets))
        executor = Executor(_dependencies(options, desk, keeping))
        recovery = Recovery(
            store,
            owner,
            liveness,
            desk.source,
            lambda run: _note(keeping, run),
            lambda runs: reconcile(
                runs, pointer_dir=keeping.pointer_dir, redactor=keeping.redactor
            ),
        )

        async def sweep() -> None:
            await recovery.sweep()
            await desk.give_back_kept()

        work = Work(executor.execute, sweep)
        engine = EmbeddedEngine(store, owner, options.limits, work)
        service = RunService(
            keeping,
            engine,
            executor.approvals,
            desk.source.check_access,
            executor.attached,
        )

        async def move(socket: str) -> None:
            await store.add_owner(replace(owner, socket=socket))

        # A failed engine ends the block: nothing would work on the runs.
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(engine.serve())
            try:
                yield RunHost(service, engine, executor, move)
            finally:
                await asyncio.shield(engine.drain(options.drain_s))
                working.cancel()


@contextlib.asynccontextmanager
async def _owned(
    store: RunStore, liveness: Liveness, options: RunHostOptions
) -> AsyncGenerator[Owner, None]:
    await _check_rivals(store, liveness, options)
    held = await liveness.take(socket=options.socket, group=options.group)
    owner = held.owner
    try:
        await store.add_owner(owner)
        yield owner
    finally:
        held.release()
        # The next owner finds runs recorded under this owner.
        with contextlib.suppress(CodexMCPError, TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if not await store.owned(owner.id) and not await store.unsettled(owner.id):
                    await store.delete_owner(owner.id)
                    await liveness.forget(owner)


async def _check_rivals(store: RunStore, liveness: Liveness, options: RunHostOptions) -> None:
    """Refuse to be a second supervisor after the loss of the registry of the home.

    Raises:
        ConfigurationError: Another supervisor of the group lives.
    """
    if not options.socket:
        return
    rivals = [each for each in await store.owners() if each.socket and each.group == options.group]
    dead = await liveness.dead(rivals)
    for owner in rivals:
        if owner not in dead:
            raise taken(owner.pid)


def _dependencies(options: RunHostOptions, desk: Desk, keeping: RunStorage) -> RunDependencies:
    def withheld() -> RestrictedPaths:
        files = (path.resolve() for path in (options.home / "auth.json", *options.hidden))
        denied = tuple(dict.fromkeys(str(path) for path in files if path.exists()))
        # In a container the folders have other paths, and commands do not see these paths.
        is_inside = bool(conversations_of(options.group))
        return RestrictedPaths(
            denied, () if is_inside else (str(options.home), str(options.pointer_dir))
        )

    return RunDependencies(
        desk=desk,
        store=keeping.store,
        reopen=keeping.reopen,
        check_output=_check_output,
        withheld=withheld,
        allow_amendments=options.allow_amendments,
    )


def _check_output(schema: Mapping[str, Any], message: str) -> str | None:
    return extras.read_output(schema, message)[1]


def _note(keeping: RunStorage, run: Run) -> None:
    """Write a change of a run outside of an attempt to the audit files."""
    with contextlib.closing(keeping.reopen(run)) as trail:
        trail.state(run)
