"""Remedies for refused runs in the words of the MCP tools, on stdio and over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from codexmcp.errors import RunErrorKind

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "codex_runs lists those there are",
    RunErrorKind.NOT_IN_STORE: (
        "codex_runs lists those there are. Its owner can take one of which only audit files are "
        "left into the store: `codexmcp runs reindex`"
    ),
    RunErrorKind.NO_THREAD: "start it anew with codex_run",
    RunErrorKind.IN_CONTAINER: (
        "go on with it through a server that was started with --in-container and the --workspace "
        "of then, {cwd} or a folder above it"
    ),
    RunErrorKind.OUTSIDE_CONTAINER: (
        "go on with it through a server that was started without --in-container"
    ),
    RunErrorKind.NO_TURN: (
        "give a finished one further work with codex_resume; try again when a waiting one runs"
    ),
    RunErrorKind.OVER: "give it further work with codex_resume",
    RunErrorKind.WORKED_ON_ELSEWHERE: "only clients of its own server can do that",
    RunErrorKind.STILL_STOPPING: (
        "wait for it with codex_wait, or end the supervisor (`codexmcp serve --stop`)"
    ),
    RunErrorKind.NO_RESULT: "call codex_wait",
    RunErrorKind.DRAINING: "try again in a moment, and a new one takes it",
    RunErrorKind.NO_QUESTION: "codex_approvals lists those that do",
    RunErrorKind.OTHER_POLICY: "start one of your own with codex_run",
}
