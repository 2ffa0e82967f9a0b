"""Remedies for refusals of runs in the words of `codexmcp runs`."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "`codexmcp runs list` lists the known runs",
    RunErrorKind.NOT_IN_STORE: (
        "`codexmcp runs list` lists the known runs, and `codexmcp runs reindex` restores runs from "
        "their audit files"
    ),
    RunErrorKind.NO_THREAD: "start a new run with `codexmcp runs start`",
    RunErrorKind.IN_CONTAINER: (
        "continue it with --in-container and the earlier --workspace, {cwd} or a folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "continue it without --in-container",
    RunErrorKind.NO_TURN: (
        "continue a finished run with `codexmcp runs resume {run_id}`; for a waiting run, try "
        "again once it runs"
    ),
    RunErrorKind.OVER: "continue it with `codexmcp runs resume {run_id}`",
    RunErrorKind.WORKED_ON_ELSEWHERE: "use a client of the server of the run",
    RunErrorKind.STILL_STOPPING: (
        "wait for it with `codexmcp runs wait {run_id}`, or end the supervisor "
        "(`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "wait for it with `codexmcp runs wait {run_id}`",
    RunErrorKind.DRAINING: "try again in a moment; a new supervisor takes the request",
    RunErrorKind.NO_QUESTION: "`codexmcp runs approvals` lists the open questions",
    RunErrorKind.OTHER_POLICY: "start a run of your own with `codexmcp runs start`",
}
