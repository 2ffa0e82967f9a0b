"""Remedies for refusals of runs in the words of `codexmcp runs`."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "`codexmcp runs list` lists those there are",
    RunErrorKind.NOT_IN_STORE: (
        "`codexmcp runs list` lists those there are, and `codexmcp runs reindex` takes one of "
        "which only audit files are left into the store"
    ),
    RunErrorKind.NO_THREAD: "start it anew with `codexmcp runs start`",
    RunErrorKind.IN_CONTAINER: (
        "go on with it with --in-container and the --workspace of then, {cwd} or a folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "go on with it without --in-container",
    RunErrorKind.NO_TURN: (
        "give a finished one further work with `codexmcp runs resume {run_id}`; try again when a "
        "waiting one runs"
    ),
    RunErrorKind.OVER: "give it further work with `codexmcp runs resume {run_id}`",
    RunErrorKind.WORKED_ON_ELSEWHERE: "only clients of its own server can do that",
    RunErrorKind.STILL_STOPPING: (
        "wait for it with `codexmcp runs wait {run_id}`, or end the supervisor "
        "(`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "wait for it with `codexmcp runs wait {run_id}`",
    RunErrorKind.DRAINING: "try again in a moment, and a new one takes it",
    RunErrorKind.NO_QUESTION: "`codexmcp runs approvals` lists those that do",
    RunErrorKind.OTHER_POLICY: "start one of your own with `codexmcp runs start`",
}
