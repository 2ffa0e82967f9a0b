"""Remedies for refusals of runs: keys of the picker, and commands for all other actions."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "choose another run from the list",
    RunErrorKind.NOT_IN_STORE: "choose another run from the list",
    RunErrorKind.NO_THREAD: "it has nothing to attach to; read its audit instead",
    RunErrorKind.IN_CONTAINER: (
        "use `codexmcp runs attach` with --in-container and the earlier --workspace, {cwd} or a "
        "folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "use `codexmcp runs attach` without --in-container",
    RunErrorKind.NO_TURN: "try again when it runs",
    RunErrorKind.OVER: "press c to continue it",
    RunErrorKind.WORKED_ON_ELSEWHERE: "use a client of the server of the run",
    RunErrorKind.STILL_STOPPING: (
        "look again in a moment, or end the supervisor (`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "look again when it is over",
    RunErrorKind.DRAINING: "try again in a moment; a new supervisor takes the request",
    RunErrorKind.NO_QUESTION: "the question is closed",
    RunErrorKind.OTHER_POLICY: "choose a run of your own from the list",
}
