"""Gives a run its thread: a new one, a resumed one, or a fork.

Owns the rule that a prompt is never sent twice: a run that is taken up again resumes its thread
and asks to continue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codexmcp.appserver.client import AppServer
from codexmcp.appserver.requests import ThreadOptions
from codexmcp.errors import RequestError, StateError
from codexmcp.home.thread_options import guarded
from codexmcp.home.writer import holder_of
from codexmcp.jsonvalues import object_of, text_of
from codexmcp.runs import endings
from codexmcp.runs.run import Run

CONTINUE_PROMPT = (
    "Your work on the last task was cut off by a fault outside of it. Look at what is done "
    "already, then continue and finish it. Do not begin anew."
)


_WITHOUT_ROLLOUT = ("no rollout found", "list_turns is not supported", "thread not loaded")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A thread that is ready for the turn of a run.

    Attributes:
        thread_id: The thread.
        prompt: What the turn is given.
    """

    thread_id: str
    prompt: str


def thread_options(run: Run, denied: Sequence[str], effective: Mapping[str, Any]) -> ThreadOptions:
    """Return how the thread of a run is to work.

    Args:
        run: The run.
        denied: Absolute paths that no run's commands may read.
        effective: Codex's configuration.
    """
    wire = run.request.thread
    asked_for = object_of(wire.get("config"))
    config = {**asked_for, **_environment(run.request.env), **_without_snapshot(asked_for)}
    asked = ThreadOptions(
        model=text_of(wire.get("model")),
        cwd=run.request.cwd,
        sandbox=text_of(wire.get("sandbox")),
        permissions=text_of(wire.get("permissions")),
        approval_policy=text_of(wire.get("approvalPolicy")),
        base_instructions=text_of(wire.get("baseInstructions")),
        developer_instructions=text_of(wire.get("developerInstructions")),
        config=config,
    )
    return guarded(asked, [*denied, *run.request.denied], effective)


async def start(server: AppServer, run: Run, options: ThreadOptions) -> Prepared:
    """Start a thread for a run that has none to continue."""
    thread = await server.start_thread(options)
    return Prepared(thread.id, run.request.prompt)


async def fork(server: AppServer, run: Run, options: ThreadOptions) -> Prepared:
    """Start a thread for a run with the history of another."""
    request = run.request
    thread = await server.fork_thread(request.forks or "", options, after=request.forks_after)
    return Prepared(thread.id, run.request.prompt)


async def resume(server: AppServer, run: Run, thread_id: str, options: ThreadOptions) -> Prepared:
    """Load the thread that a run continues, or its own from an earlier try.

    Raises:
        StateError: Another process writes to it.
        RequestError: It cannot be loaded.
    """
    try:
        await server.load_thread(thread_id, options)
    except RequestError as error:
        if was_never_used(error):
            if run.request.continues is None:
                return await start(server, run, options)
            raise StateError(
                f"run {run.request.continues} cannot be continued: it was cut off before anything "
                "was sent to the model. Start it anew with codex_run"
            ) from error
        raise _explained(error, server, thread_id) from error
    if not await server.is_resting(thread_id):
        raise StateError(
            f"thread {thread_id} is in use: somebody who is attached works on it. Wait until that "
            "is done and try again, or work on a fork of it (codex_fork)"
        )
    if run.attempt > 1:
        thread = await server.read_thread(thread_id)
        if endings.recorded(thread, None, run.request.prompt, run.created_at) is not None:
            return Prepared(thread_id, CONTINUE_PROMPT)
    return Prepared(thread_id, run.request.prompt)


def _environment(env: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that show commands an environment, and nothing of app-server's.

    Source: measured on 0.153.4, 0.163.0 and 0.169.0. A login shell's dotfiles, and the snapshot of
    one, would add to it; without SHLVL bash reads ~/.bashrc; lists of the user's own config.toml
    hold until they are named.
    """
    policy: dict[str, Any] = {
        "inherit": "none",
        "include_only": [],
        "exclude": [],
        "ignore_default_excludes": True,
        "set": {**env, "SHLVL": "1"},
    }
    return {"allow_login_shell": False, "shell_environment_policy": policy}


def _without_snapshot(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the setting that keeps Codex from running a login shell for each new thread.

    Source: without a login shell its commands do not use what that tells (measured on 0.163.0),
    and for a burst of threads it was a third of all processor time.
    """
    return {"features": {**object_of(config.get("features")), "shell_snapshot": False}}


def was_never_used(error: RequestError) -> bool:
    """Return whether a thread has no rollout: some builds make it only at the first turn.

    Source: what 0.153.4, 0.163.0 and 0.169.0 say to `thread/resume` and `thread/read`.
    """
    return any(text in error.message for text in _WITHOUT_ROLLOUT)


def _explained(error: RequestError, server: AppServer, thread_id: str) -> Exception:
    if "active writer" not in error.message:
        return error
    home = Path(str(server.info.get("codexHome", "")))
    pid = holder_of(home, thread_id)
    who = "another process" if pid is None else f"process {pid}"
    return StateError(
        f"thread {thread_id} is in use: {who} writes to it. Wait until it is done and try again, "
        "or attach to it there, or work on a fork of it (codex_fork)"
    )
