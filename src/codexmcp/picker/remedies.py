"""Remedies for refusals of runs: keys of the picker, and commands for all other actions."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "choose another one from the list",
    RunErrorKind.NOT_IN_STORE: "choose another one from the list",
    RunErrorKind.NO_THREAD: "there is nothing to attach to; read its audit instead",
    RunErrorKind.IN_CONTAINER: (
        "use `codexmcp runs attach` with --in-container and the --workspace of then, {cwd} or a "
        "folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "use `codexmcp runs attach` without --in-container",
    RunErrorKind.NO_TURN: "try again when it runs",
    RunErrorKind.OVER: "press c to continue it",
    RunErrorKind.WORKED_ON_ELSEWHERE: "only clients of its own server can do that",
    RunErrorKind.STILL_STOPPING: (
        "look again in a moment, or end the supervisor (`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "look again when it is over",
    RunErrorKind.DRAINING: "try again in a moment, and a new one takes it",
    RunErrorKind.NO_QUESTION: "there is nothing to answer any more",
    RunErrorKind.OTHER_POLICY: "choose a run of your own from the list",
}
