"""The lines of a rollout about tokens, as values.

Pure. Most of a rollout is messages and command outputs, so the kind of a line is determined from
its first bytes, and only relevant lines are parsed.

Source: rollouts written by Codex 0.136.0, 0.149.0, 0.153.4, 0.163.0 and 0.169.0.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TypeAlias

from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import is_object, object_of, text_of
from codexmcp.usage.tokens import Tokens, parse_tokens


@dataclass(frozen=True, slots=True)
class ThreadMeta:
    """Identification of a thread. A fork with a copy of its history has an entry per ancestor.

    Attributes:
        thread: The thread's id.
        parent: The forked thread; empty if not a fork.
        cwd: The initial working directory.
        provider: The provider's id.
    """

    thread: str
    parent: str
    cwd: str
    provider: str


@dataclass(frozen=True, slots=True)
class TurnContext:
    """The settings of a turn from here on."""

    turn: str
    model: str
    cwd: str


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The start of a turn."""

    turn: str


@dataclass(frozen=True, slots=True)
class ProviderChosen:
    """A change of the thread's settings; only the provider is relevant."""

    provider: str


@dataclass(frozen=True, slots=True)
class TokenCount:
    """A `token_count`: written after every response, and sometimes without a response.

    Attributes:
        at: Unix time.
        total: The total of the thread, including its ancestors.
        last: The latest response; after a compaction an estimate of the remaining context.
    """

    at: float
    total: Tokens
    last: Tokens | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A `token_usage_record`: one per response, written by Codex 0.153.4 and later."""

    at: float
    turn: str
    tokens: Tokens


Entry: TypeAlias = ThreadMeta | TurnContext | TurnStarted | ProviderChosen | TokenCount | Recorded

_HEAD = re.compile(
    rb'\{"timestamp":"[^"\\]{1,40}",(?:"ordinal":\d{1,20},)?'
    rb'"type":"([a-z_]+)","payload":\{(?:"type":"([a-z_]+)")?'
)
_KINDS = frozenset({b"session_meta", b"turn_context", b"token_usage_record"})
_EVENT = b"event_msg"
_EVENTS = frozenset({b"task_started", b"turn_started", b"token_count", b"thread_settings_applied"})

_YEARS = range(2000, 3000)

HEAD_BYTES = 256
"""The kind of a line is within this number of bytes."""


def may_tell(line: bytes) -> bool:
    """Return True for a possibly relevant line, by its first bytes.

    Args:
        line: The line, or its first `HEAD_BYTES`.
    """
    head = _HEAD.match(line)
    if head is None or head[1] in _KINDS:
        return True
    return head[1] == _EVENT and (head[2] is None or head[2] in _EVENTS)


def parse_entry(line: bytes) -> Entry | None:
    """Return the entry of a line; None for an irrelevant line.

    Raises:
        ValueError: The line is broken.
    """
    # Newer Pythons refuse numbers of thousands of digits with a ValueError, as intended here.
    try:
        value = json.loads(line.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not is_object(value):
        raise ValueError("no object")
    payload = object_of(value.get("payload"))
    match value.get("type"):
        case "session_meta":
            return ThreadMeta(
                thread=_text(payload, "id"),
                parent=_text(payload, "forked_from_id"),
                cwd=_text(payload, "cwd"),
                provider=_text(payload, "model_provider"),
            )
        case "turn_context":
            return TurnContext(
                _text(payload, "turn_id"), _text(payload, "model"), _text(payload, "cwd")
            )
        case "token_usage_record":
            tokens = parse_tokens(payload.get("usage"))
            if tokens is None:
                raise ValueError("a record without tokens")
            return Recorded(_time(value), _text(payload, "turn_id"), tokens)
        case "event_msg":
            return _event(value, payload)
        case _:
            return None


def _event(fields: dict[str, object], payload: dict[str, object]) -> Entry | None:
    match payload.get("type"):
        case "task_started" | "turn_started":
            return TurnStarted(_text(payload, "turn_id"))
        case "thread_settings_applied":
            settings = object_of(payload.get("thread_settings"))
            return ProviderChosen(_text(settings, "model_provider_id"))
        case "token_count":
            info = object_of(payload.get("info"))
            total = parse_tokens(info.get("total_token_usage"))
            # Without any information the entry is about rate limits only.
            if total is None and payload.get("info") is not None:
                raise ValueError("a count without tokens")
            last = parse_tokens(info.get("last_token_usage"))
            return None if total is None else TokenCount(_time(fields), total, last)
        case _:
            return None


def _text(fields: dict[str, object], name: str) -> str:
    text = text_of(fields.get(name)) or ""
    # JSON allows lone surrogates, which files and databases refuse.
    return text if text.isascii() else text.encode(errors="replace").decode()


def _time(fields: dict[str, object]) -> float:
    """Return a line's time.

    Raises:
        ValueError: The time is missing or impossible.
    """
    moment = datetime.fromisoformat(_text(fields, "timestamp"))
    if moment.year not in _YEARS:
        raise ValueError("a time out of range")
    return moment.timestamp()
