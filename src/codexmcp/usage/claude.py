"""Claude Code's token usage, from its transcripts.

Reads only. A response counts once, regardless of repetitions in the transcripts.

Source: `projects/*/*.jsonl` and `projects/*/*/subagents/*.jsonl` in Claude Code's folder, with a
JSON object per line. A response is repeated for each of its blocks, with the same `message.id` and
growing counts, and again in the transcript of a continued session. The input counts exclude each
other, unlike Codex's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import integer_of, is_object, object_of, text_of
from codexmcp.usage.index import SpendingSum
from codexmcp.usage.tokens import Tokens

CLIENT = "Claude Code"
PROVIDER = "anthropic"
FOLDER = "projects"

_MARKS = (b'"usage"', b'"assistant"')
_LONGEST_LINE_BYTES = 64 * 1024 * 1024
_MADE_UP = "<synthetic>"
"""The model of messages written by Claude Code itself."""


@dataclass(slots=True)
class Transcripts:
    """Claude Code's responses in a period, and read errors.

    Attributes:
        sums: The usage, per response.
        broken: The number of unparseable lines.
        unreadable: Unreadable files and folders.
    """

    sums: list[SpendingSum] = field(default_factory=list[SpendingSum])
    broken: int = 0
    unreadable: list[str] = field(default_factory=list[str])


def read_transcripts(
    folder: Path, since: float | None, until: float | None, limits: Sequence[int]
) -> Transcripts:
    """Read Claude Code's usage.

    Args:
        folder: Claude Code's folder; may be missing.
        since: Unix time; None means from the beginning.
        until: Unix time, exclusive; None means to the end.
        limits: Sizes of a request's input with an effect on prices.
    """
    found = Transcripts()
    responses: dict[str, SpendingSum] = {}
    for path in _files(folder / FOLDER, since, found):
        try:
            with path.open("rb") as file:
                for line in iter(lambda: file.readline(_LONGEST_LINE_BYTES), b""):
                    _take(line, responses, limits, found)
        except OSError:
            found.unreadable.append(str(path))
    found.sums = [
        each
        for each in responses.values()
        if (since is None or each.at >= since) and (until is None or each.at < until)
    ]
    return found


def _files(folder: Path, since: float | None, found: Transcripts) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            found.unreadable.append(str(error.filename))

    for place, _, names in os.walk(folder, onerror=unreadable):
        for path in (Path(place, name) for name in sorted(names) if name.endswith(".jsonl")):
            try:
                # Files last written before the period have nothing from it.
                is_asked = path.is_file() and (since is None or path.stat().st_mtime >= since)
            except OSError:
                found.unreadable.append(str(path))
                continue
            if is_asked:
                yield path


def _take(
    line: bytes, responses: dict[str, SpendingSum], limits: Sequence[int], found: Transcripts
) -> None:
    if not all(mark in line for mark in _MARKS):
        return
    try:
        value = object_of(json.loads(line))
        message = object_of(value.get("message"))
        if value.get("type") != "assistant" or not is_object(message.get("usage")):
            return
        each = _sum(value, message, limits)
    except (ValueError, OverflowError, RecursionError):
        found.broken += 1
        return
    key = text_of(message.get("id")) or text_of(value.get("uuid")) or str(len(responses))
    known = responses.get(key)
    is_later = known is None or each.tokens.output >= known.tokens.output
    if each.model != _MADE_UP and each.tokens and is_later:
        responses[key] = each


def _sum(value: dict[str, Any], message: dict[str, Any], limits: Sequence[int]) -> SpendingSum:
    usage = object_of(message.get("usage"))
    read = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    hours = _count(object_of(usage.get("cache_creation")), "ephemeral_1h_input_tokens")
    whole = _count(usage, "input_tokens") + read + written
    return SpendingSum(
        at=int(datetime.fromisoformat(text_of(value.get("timestamp")) or "").timestamp()),
        model=text_of(message.get("model")) or "",
        provider=PROVIDER,
        cwd=text_of(value.get("cwd")) or "",
        limits=sum(whole > limit for limit in limits),
        requests=1,
        tokens=Tokens(whole, read, written, _count(usage, "output_tokens")),
        client=CLIENT,
        hour_written=min(hours, written),
    )


def _count(usage: dict[str, Any], name: str) -> int:
    return max(0, integer_of(usage.get(name)) or 0)
