"""Codex's refusals as typed errors; the only module that matches Codex's texts.

Pure.

Source: the texts of 0.153.4, 0.163.0, 0.169.0 and 0.171.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.version import is_newer
from codexmcp.errors import RequestError
from codexmcp.jsonrpc.messages import INVALID_REQUEST
from codexmcp.jsonvalues import text_of


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


class NewerThreadError(RequestError):
    """The thread was started by a newer Codex, which may record what this Codex cannot read."""


class ThreadStoreError(RequestError):
    """A connection of Codex to its records of threads was left in a transaction: nothing done."""


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
    ("non-zero transaction depth", ThreadStoreError),
)


def newer_thread(thread: Mapping[str, Any], info: Mapping[str, Any]) -> NewerThreadError | None:
    """Return the refusal to load a thread that a newer Codex started; None for any other thread.

    Our policy: 0.153.4 and 0.163.0 resume a thread of 0.171.0 without a word, and no build promises
    to read the records of a later one.

    Args:
        thread: Codex's record of the thread.
        info: Codex's answer to `initialize`.
    """
    user_agent = text_of(info.get("userAgent")) or ""
    version = text_of(thread.get("cliVersion")) or ""
    if not is_newer(version, user_agent):
        return None
    own = user_agent.partition("/")[2].split(" ")[0]
    text = (
        f"thread {thread.get('id')} was started by Codex {version}, and this is Codex {own}, which "
        f"may not read all of it; name Codex {version} or later in CODEX_BIN, update codexmcp, or "
        "start a new thread"
    )
    return NewerThreadError("thread/resume", INVALID_REQUEST, text)


def typed(error: RequestError) -> RequestError:
    """Return a refusal as its specific error class; an unknown refusal unchanged."""
    for text, kind in _TEXTS:
        if text in error.message:
            return kind(error.method, error.code, error.message, error.data)
    return error
