"""`codexmcp runs start` and `resume`: start the supervisor too when there is none."""

from __future__ import annotations

import os
import sys
from typing import Any

from codexmcp.cli.codex_options import resolution
from codexmcp.cli.container_location import located
from codexmcp.cli.options.mcp_server import ClientPolicyFlags, McpServerOptions
from codexmcp.cli.options.runs import ResumeOptions, StartOptions, WorkFlags
from codexmcp.cli.output import Output
from codexmcp.cli.runs import naming
from codexmcp.cli.runs.asking import ask_connected
from codexmcp.cli.runs.place import Place, opened_place
from codexmcp.cli.runs.waiting import wait
from codexmcp.cli.shared import open_connection
from codexmcp.errors import ExitCode, UsageError
from codexmcp.jsonvalues import object_of, without_nulls
from codexmcp.supervisor.methods import FORK, RESUME, START


def start_run(options: StartOptions, output: Output) -> int:
    """Start a run.

    Raises:
        UsageError: There is no prompt.
        RunError: The supervisor refused.
        ConfigurationError: No supervisor can be started.
    """
    with opened_place() as place:
        given = {
            **_work(options, place),
            "prompt": prompt_of(options.prompt),
            "profile": options.profile,
            "on_children": options.on_children,
            "goal": None if options.goal_tokens is None else True,
            "goal_token_budget": options.goal_tokens,
        }
        resolution(options.codex, place.settings, place.env, profile=options.profile).check_access(
            {}
        )
        return _started(options, place, output, START, given)


def resume_run(options: ResumeOptions, output: Output) -> int:
    """Give a run a further prompt; see `start_run`.

    Raises:
        RunNotFoundError: The name is unknown.
    """
    with opened_place() as place:
        run = naming.find(place.directory, options.run)
        given = {
            **_work(options, place),
            "prompt": prompt_of(options.prompt),
            "run_id": run.id,
        }
        recorded = object_of(run.request.thread.get("config"))
        resolution(options.codex, place.settings, place.env).check_access(recorded)
        method = FORK if options.fork else RESUME
        return _started(options, place, output, method, given)


def prompt_of(word: str) -> str:
    """Return the prompt of an argument, or of stdin for `-`.

    Raises:
        UsageError: The prompt is empty.
    """
    prompt = sys.stdin.buffer.read().decode(errors="replace") if word == "-" else word
    if not prompt.strip():
        raise UsageError("the prompt is empty; say what is to be done, or give it on stdin with -")
    # Words of a command line that are not UTF-8 hold what JSON cannot.
    return prompt.encode(errors="surrogateescape").decode(errors="replace")


def _work(options: WorkFlags, place: Place) -> dict[str, Any]:
    """Return the common arguments of the tools for new runs."""
    timeout_s = options.timeout
    cwd = None if options.cwd is None else place.folders(options.cwd)[0]
    return {
        "run_name": options.name,
        "cwd": cwd,
        "sandbox": options.sandbox,
        "permissions": options.permissions,
        "model": options.model,
        "effort": options.effort,
        "approval_policy": options.approval_policy,
        "images": [os.path.realpath(place.cwd / file) for file in options.image] or None,
        "timeout_ms": None if timeout_s is None else round(timeout_s * 1000),
    }


def _started(
    options: WorkFlags, place: Place, output: Output, method: str, given: dict[str, Any]
) -> int:
    client = McpServerOptions(policy=ClientPolicyFlags(allow_git=options.allow_git))
    codex = located(options.codex, options.cwd)
    with open_connection(codex, place.settings, place.env, client) as connection:
        handle = ask_connected(connection, method, without_nulls(given))
        run_id = str(handle["runId"])
        if options.wait:
            # Connected meanwhile, so that the supervisor does not end for want of clients.
            output.progress(f"run {run_id} was started")
            return wait(place, [run_id], output)
    if output.is_json:
        output.say_json(handle)
    else:
        output.say(run_id)
        if output.width is not None:
            output.note(f"watch it with `codexmcp runs tail -f {run_id}`")
    return ExitCode.DONE
