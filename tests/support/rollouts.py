"""Lines of rollouts, as Codex writes them, and homes that hold them."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codexmcp.codex.unpacking import zstd
from codexmcp.usage.tokens import Tokens

NOON = "2026-11-20T12:00:00.000Z"


def line(kind: str, payload: dict[str, Any], at: str = NOON) -> bytes:
    """Return one line; the order of its fields is Codex's."""
    fields = {"timestamp": at, "type": kind, "payload": payload}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def usage(tokens: Tokens) -> dict[str, int]:
    """Return tokens in Codex's words."""
    return {
        "input_tokens": tokens.input,
        "cached_input_tokens": tokens.cached,
        "cache_write_input_tokens": tokens.written,
        "output_tokens": tokens.output,
        "reasoning_output_tokens": tokens.reasoning,
        "total_tokens": tokens.total,
    }


def meta(thread: str, parent: str = "", cwd: str = "/w", provider: str = "openai") -> bytes:
    fork = {"forked_from_id": parent} if parent else {}
    fields = {"id": thread, **fork, "cwd": cwd, "model_provider": provider}
    return line("session_meta", fields)


def started(turn: str) -> bytes:
    return line("event_msg", {"type": "task_started", "turn_id": turn})


def context(turn: str, model: str = "gpt-5.5", cwd: str = "/w") -> bytes:
    return line("turn_context", {"turn_id": turn, "cwd": cwd, "model": model})


def message(text: str = "hello") -> bytes:
    return line("response_item", {"type": "message", "content": [{"text": text}]})


def counted(total: Tokens, last: Tokens, at: str = NOON) -> bytes:
    info = {"total_token_usage": usage(total), "last_token_usage": usage(last)}
    return line("event_msg", {"type": "token_count", "info": info}, at)


def recorded(turn: str, tokens: Tokens, at: str = NOON) -> bytes:
    return line("token_usage_record", {"turn_id": turn, "usage": usage(tokens)}, at)


@dataclass
class Writer:
    """Writes a thread as an old build (counts only) or a new one (records too) does.

    Attributes:
        lines: What it has written.
    """

    thread: str
    records: bool = False
    total: Tokens = field(default_factory=Tokens)
    lines: list[bytes] = field(default_factory=list)
    turns: Any = field(default_factory=itertools.count)

    def begin(self, cwd: str = "/w", provider: str = "openai") -> Writer:
        self.lines.append(meta(self.thread, cwd=cwd, provider=provider))
        return self

    def turn(self, *responses: Tokens, model: str = "gpt-5.5", at: str = NOON) -> Writer:
        turn = f"{self.thread}-{next(self.turns)}"
        self.lines += [started(turn), context(turn, model)]
        for tokens in responses:
            self.total = self.total.plus(tokens)
            self.lines.append(message())
            if self.records:
                self.lines.append(recorded(turn, tokens, at))
            self.lines.append(counted(self.total, tokens, at))
        return self

    def fork(self, thread: str) -> Writer:
        """Return a fork with a copy of all lines, as builds up to 0.149.0 make it."""
        copy = [meta(thread, self.thread), *self.lines]
        return Writer(thread, self.records, self.total, copy, itertools.count())


def put(home: Path, name: str, lines: list[bytes], folder: str = "sessions/2026/11/20") -> Path:
    """Write a rollout into a home; `name` decides the order."""
    path = home / folder / f"rollout-{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))
    return path


def pack(path: Path) -> Path:
    """Compress a rollout as Codex does: the same time, and the plain file goes."""
    packed = path.with_name(f"{path.name}.zst")
    packed.write_bytes(zstd.compress(path.read_bytes()))
    status = path.stat()
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return packed


def unpack(packed: Path) -> Path:
    """Make a compressed rollout a plain one, as Codex does before it writes to it."""
    path = packed.with_name(packed.name.removesuffix(".zst"))
    path.write_bytes(zstd.decompress(packed.read_bytes()))
    packed.unlink()
    return path
