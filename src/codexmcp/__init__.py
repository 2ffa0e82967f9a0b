"""Drive OpenAI's Codex from other programs.

Importing this package does no work and prints nothing: stdout may be a protocol's wire. The names
of the Python API are imported when they are first used.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes 3 ms
if TYPE_CHECKING:
    from codexmcp.api.codex import Codex
    from codexmcp.api.events import (
        CommandFinished,
        CommandStarted,
        FilesChanged,
        MessageCompleted,
        QuestionAsked,
        TextDelta,
        TokensUsed,
        TurnEnded,
        TurnEvent,
    )
    from codexmcp.api.results import Result
    from codexmcp.api.run_values import RunInfo
    from codexmcp.api.runs import Runs, SupervisedRun
    from codexmcp.api.stream import TurnStream
    from codexmcp.api.sync import SyncCodex, SyncTurnStream
    from codexmcp.api.sync_runs import SyncRuns, SyncSupervisedRun

__version__ = "0.1.0"

__all__ = [
    "Codex",
    "CommandFinished",
    "CommandStarted",
    "FilesChanged",
    "MessageCompleted",
    "QuestionAsked",
    "Result",
    "RunInfo",
    "Runs",
    "SupervisedRun",
    "SyncCodex",
    "SyncRuns",
    "SyncSupervisedRun",
    "SyncTurnStream",
    "TextDelta",
    "TokensUsed",
    "TurnEnded",
    "TurnEvent",
    "TurnStream",
]

_MODULES = {
    "Codex": "codex",
    "Result": "results",
    "RunInfo": "run_values",
    "Runs": "runs",
    "SupervisedRun": "runs",
    "SyncCodex": "sync",
    "SyncRuns": "sync_runs",
    "SyncSupervisedRun": "sync_runs",
    "SyncTurnStream": "sync",
    "TurnStream": "stream",
}
"""The module of `codexmcp.api` that a public name comes from; `events` for all others."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - few programs use the API

    return getattr(import_module(f"codexmcp.api.{_MODULES.get(name, 'events')}"), name)
