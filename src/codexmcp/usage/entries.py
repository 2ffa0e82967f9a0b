"""The lines of a rollout that tell of tokens, as values.

Pure. A rollout is nearly all messages and outputs of commands, so a line's kind is read off its
first bytes, and only what is of use is parsed.

Source: rollouts that Codex 0.136.0, 0.149.0, 0.153.4, 0.163.0 and 0.169.0 wrote.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from codexmcp.jsonvalues import is_object, object_of, text_of
from codexmcp.usage.tokens import Tokens, parse_tokens


@dataclass(frozen=True, slots=True)
class Meta:
    """Which thread this is. A fork that holds a copy of its history has one of each ancestor.

    Attributes:
        thread: The thread's id.
        parent: The thread that it is a fork of; empty for none.
        cwd: The working directory that it began in.
        provider: The id of its provider.
    """

    thread: str
    parent: str
    cwd: str
    provider: str


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What a turn works with from here on."""

    turn: str
    model: str
    cwd: str


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A turn begins."""

    turn: str


@dataclass(frozen=True, slots=True)
class ProviderChosen:
    """The thread's settings have changed; of them only the provider is of use."""

    provider: str


@dataclass(frozen=True, slots=True)
class Counted:
    """A `token_count`: it comes after every response, and now and then without one.

    Attributes:
        at: Unix time.
        total: All of the thread, its ancestors included.
        last: The latest response; after a compaction an estimate of what is left.
    """

    at: float
    total: Tokens
    last: Tokens | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A `token_usage_record`: one a response, written by Codex 0.153.4 and later."""

    at: float
    turn: str
    tokens: Tokens


Entry: TypeAlias = Meta | TurnContext | TurnStarted | ProviderChosen | Counted | Recorded

_HEAD = re.compile(
    rb'\{"timestamp":"[^"\\]{1,40}",(?:"ordinal":\d{1,20},)?'
    rb'"type":"([a-z_]+)","payload":\{(?:"type":"([a-z_]+)")?'
)
_KINDS = frozenset({b"session_meta", b"turn_context", b"token_usage_record"})
_EVENT = b"event_msg"
_EVENTS = frozenset({b"task_started", b"turn_started", b"token_count", b"thread_settings_applied"})

_YEARS = range(2000, 3000)

HEAD_BYTES = 256
"""A line's kind lies within so many bytes."""


def may_tell(line: bytes) -> bool:
    """Return whether a line may be of use, by its first bytes; when in doubt it may.

    Args:
        line: The line, or its first `HEAD_BYTES`.
    """
    head = _HEAD.match(line)
    if head is None or head[1] in _KINDS:
        return True
    return head[1] == _EVENT and (head[2] is None or head[2] in _EVENTS)


def parse_entry(line: bytes) -> Entry | None:
    """Return what a line tells; None when it is of no use.

    Raises:
        ValueError: It is broken.
    """
    # Newer Pythons refuse numbers of thousands of digits with a ValueError; that is right here.
    try:
        value = json.loads(line.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not is_object(value):
        raise ValueError("no object")
    payload = object_of(value.get("payload"))
    match value.get("type"):
        case "session_meta":
            return Meta(
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
            # With no information at all it only tells of rate limits.
            if total is None and payload.get("info") is not None:
                raise ValueError("a count without tokens")
            last = parse_tokens(info.get("last_token_usage"))
            return None if total is None else Counted(_time(fields), total, last)
        case _:
            return None


def _text(fields: dict[str, object], name: str) -> str:
    text = text_of(fields.get(name)) or ""
    # JSON can hold half of a pair of surrogates, which no file or database takes.
    return text if text.isascii() else text.encode(errors="replace").decode()


def _time(fields: dict[str, object]) -> float:
    """Return a line's time.

    Raises:
        ValueError: It has none, or one that nobody can have written it at.
    """
    moment = datetime.fromisoformat(_text(fields, "timestamp"))
    if moment.year not in _YEARS:
        raise ValueError("a time out of range")
    return moment.timestamp()
