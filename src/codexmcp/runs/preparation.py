"""Provides the thread of a run: a new thread, a resumed thread, or a fork.

Owns the rule that a prompt is never sent twice: a later attempt resumes the thread and asks Codex
to continue.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.refusals import ThreadInUseError, TurnUnderWayError, UnknownThreadError
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.codex.desk import Load
from codexmcp.codex.permissions import RestrictedPaths
from codexmcp.codex.thread_options import guarded, with_environment
from codexmcp.codex.threads import KnownThread
from codexmcp.codex.writer import holder_of
from codexmcp.data_classes import replace
from codexmcp.errors import StateError
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs import endings
from codexmcp.runs.run import Run

CONTINUE_PROMPT = (
    "Your work on the last task was cut off by a fault outside of it. Look at what is done "
    "already, then continue and finish it. Do not start over."
)


def thread_options(
    run: Run, withheld: RestrictedPaths, effective: Mapping[str, Any]
) -> ThreadOptions:
    """Return the thread options of a run.

    Args:
        run: The run.
        withheld: Paths with limited access for commands of all runs.
        effective: Codex's configuration.
    """
    wire = run.request.thread
    asked = ThreadOptions(
        model=text_of(wire.get("model")),
        cwd=run.request.cwd,
        sandbox=text_of(wire.get("sandbox")),
        permissions=text_of(wire.get("permissions")),
        approval_policy=text_of(wire.get("approvalPolicy")),
        base_instructions=text_of(wire.get("baseInstructions")),
        developer_instructions=text_of(wire.get("developerInstructions")),
        config=object_of(wire.get("config")),
        allow_git=wire.get("allowGit") is True,
        distrusts=wire.get("distrusts") is True,
    )
    options = guarded(
        asked,
        replace(withheld, denied=(*withheld.denied, *run.request.denied)),
        effective,
        allows_goals=run.request.goal_tokens is not None,
    )
    return with_environment(options, run.request.env)


def loader(thread_id: str, options: ThreadOptions) -> Load:
    """Return the load function for an existing thread; see `ThreadRequest`."""

    async def load(server: AppServer, _known: KnownThread | None) -> str:
        try:
            await server.load_thread(thread_id, options)
        except ThreadInUseError as error:
            raise _in_use(server, thread_id) from error
        return thread_id

    return load


def opener(run: Run, options: ThreadOptions) -> Load:
    """Return the load function for the thread of a run; see `ThreadRequest`.

    The function starts a new thread, makes the requested fork, or loads the thread of the continued
    run or of an earlier attempt. Errors of the function:

        StateError: Another process writes to the thread, or Codex has no record of the thread.
        RequestError: The thread cannot be loaded.
    """
    thread_id = run.thread_id

    async def load(server: AppServer, known: KnownThread | None) -> str:
        if thread_id is None:
            return await _made(server, run, options)
        try:
            return await loader(thread_id, options)(server, known)
        except UnknownThreadError as error:
            continued = run.id if run.is_continued else run.request.continues
            if continued is None:
                return await _made(server, run, options)
            raise _without_record(f"run {continued}", "continued") from error

    return load


async def prompt_of(server: AppServer, thread_id: str, run: Run) -> str:
    """Return the input of the run's turn; the prompt of the run is never sent twice."""
    if run.is_continued:
        return CONTINUE_PROMPT
    if run.attempt > 1 and thread_id == run.thread_id:
        # The run may come from a store of 0.1.0, without the fact of a continued run.
        thread = await server.read_thread(thread_id)
        if endings.recorded(thread, None, run.request.prompt, run.created_at) is not None:
            return CONTINUE_PROMPT
    return run.request.prompt


async def _made(server: AppServer, run: Run, options: ThreadOptions) -> str:
    """Create the thread of a run: a new thread, or a fork.

    Source: an interrupted turn without an end is no place to fork after, not even with later turns
    after it (measured on 0.153.4, 0.163.0 and 0.171.0); the fork then has the whole history.
    """
    forked, after = run.request.forks, run.request.forks_after
    if forked is None:
        return (await server.start_thread(options)).id
    try:
        return (await server.fork_thread(forked, options, after=after)).id
    except TurnUnderWayError:
        return (await server.fork_thread(forked, options)).id
    except UnknownThreadError as error:
        raise _without_record(f"thread {forked}", "forked") from error


def _without_record(what: str, done: str) -> StateError:
    return StateError(
        f"{what} cannot be {done}: Codex has no record of its conversation, because it was cut off "
        "before it began, or the Codex home was full. Start a new run"
    )


def _in_use(server: AppServer, thread_id: str) -> StateError:
    home = Path(str(server.info.get("codexHome", "")))
    pid = holder_of(home, thread_id)
    who = "another process" if pid is None else f"process {pid}"
    return StateError(
        f"thread {thread_id} is in use: {who} writes to it. Wait until it is done and try again, "
        "or attach to it there, or work on a fork of it"
    )
