"""Remedies for refused runs in the words of the MCP tools, on stdio and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "codex_runs lists the known runs",
    RunErrorKind.NOT_IN_STORE: (
        "codex_runs lists the known runs. If only its audit files are left, its owner can restore "
        "it: `codexmcp runs reindex`"
    ),
    RunErrorKind.NO_THREAD: "start a new run with codex_run",
    RunErrorKind.IN_CONTAINER: (
        "continue it through a server with --in-container and the earlier --workspace, {cwd} or a "
        "folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: "continue it through a server without --in-container",
    RunErrorKind.NO_TURN: (
        "continue a finished run with codex_resume; for a waiting run, try again once it runs"
    ),
    RunErrorKind.OVER: "continue it with codex_resume",
    RunErrorKind.WORKED_ON_ELSEWHERE: "use a client of the server of the run",
    RunErrorKind.STILL_STOPPING: (
        "wait for it with codex_wait, or end the supervisor (`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "call codex_wait",
    RunErrorKind.DRAINING: "try again in a moment; a new supervisor takes the request",
    RunErrorKind.NO_QUESTION: "codex_approvals lists the open questions",
    RunErrorKind.OTHER_POLICY: "start a run of your own with codex_run",
}
