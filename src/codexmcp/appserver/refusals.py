"""Codex's refusals as typed errors; the only module that matches Codex's texts.

Pure.

Source: the texts of 0.153.4, 0.163.0, 0.169.0 and 0.171.0.
"""

from __future__ import annotations

from codexmcp.errors import RequestError


class DrainingError(RequestError):
    """Codex is ending and accepts no new work; nothing was sent."""


class UnknownThreadError(RequestError):
    """The thread has no record: nonexistent, or never used."""


class EmptyThreadError(UnknownThreadError):
    """The thread's record is empty: Codex ended while creating the thread, or the disk is full."""


class ArchivedThreadError(RequestError):
    """The thread is in the archive."""


class ThreadInUseError(RequestError):
    """Another process is the thread's writer."""


class TurnUnderWayError(RequestError):
    """The last turn of a fork never ended."""


class NoTurnError(RequestError):
    """The turn to steer or interrupt is not running."""


_TEXTS: tuple[tuple[str, type[RequestError]], ...] = (
    ("Server is draining", DrainingError),
    ("identifies an in-progress turn", TurnUnderWayError),
    ("no active turn", NoTurnError),
    ("active writer", ThreadInUseError),
    ("is archived", ArchivedThreadError),
    (".jsonl is empty", EmptyThreadError),
    ("no rollout found", UnknownThreadError),
    ("list_turns is not supported", UnknownThreadError),
    ("thread not loaded", UnknownThreadError),
    ("thread not found", UnknownThreadError),
)


def typed(error: RequestError) -> RequestError:
    """Return a refusal as its specific error class; an unknown refusal unchanged."""
    for text, kind in _TEXTS:
        if text in error.message:
            return kind(error.method, error.code, error.message, error.data)
    return error
