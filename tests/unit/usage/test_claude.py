from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from codexmcp.usage.claude import Transcripts, read_transcripts
from codexmcp.usage.tokens import Tokens

WHEN = "2026-11-20T10:00:00.000Z"
AT = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp())


def line(message_id: str, output: int = 10, **given: Any) -> str:
    """Return a line as Claude Code writes one for a block of a response."""
    usage = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 60},
        "output_tokens": output,
        "service_tier": "standard",
    }
    own: dict[str, Any] = {
        "id": message_id,
        "role": "assistant",
        "model": "claude-opus-5-5",
        "usage": usage,
    }
    fields: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": False,
        "cwd": "/work/project",
        "sessionId": "s",
        "type": "assistant",
        "message": {**own, **given.pop("message", {})},
        "requestId": "req",
        "uuid": "u",
        "timestamp": WHEN,
    }
    return json.dumps({**fields, **given})


def read(folder: Path, files: dict[str, list[str]], since: float | None = None) -> Transcripts:
    for name, lines in files.items():
        path = folder / "projects" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{each}\n" for each in lines))
    return read_transcripts(folder, since, None, [500, 5000])


def test_a_response_counts_once_with_its_last_count(tmp_path: Path) -> None:
    user = json.dumps({"type": "user", "message": {"content": 'about "usage"'}})
    lines = [user, line("msg_1", 1), line("msg_1", 30), line("msg_2", 7)]
    # A session that goes on from another begins with a copy; a sub-agent has its own file.
    copy = [line("msg_1", 30, sessionId="other"), line("msg_3", 4)]
    files = {"-p/a.jsonl": lines, "-p/b.jsonl": copy, "-p/a/subagents/agent-1.jsonl": copy[1:]}
    sums = read(tmp_path, files).sums
    assert sorted(each.tokens.output for each in sums) == [4, 7, 30]
    first = sums[0]
    assert first.tokens == Tokens(input=1105, cached=1000, written=100, output=30)
    assert (first.hour_written, first.limits, first.requests) == (60, 1, 1)
    assert (first.client, first.provider, first.cwd, first.at) == (
        "Claude Code",
        "anthropic",
        "/work/project",
        AT,
    )


def test_what_claude_code_says_itself_and_other_lines_cost_nothing(tmp_path: Path) -> None:
    lines = [
        line("msg_1", message={"model": "<synthetic>"}),
        line("msg_2", type="progress"),
        line("msg_3", message={"usage": None}),
        line("msg_4", message={"usage": {"input_tokens": 0, "output_tokens": 0}}),
        "",
    ]
    found = read(tmp_path, {"-p/a.jsonl": lines})
    assert (found.sums, found.broken) == ([], 0)


@pytest.mark.parametrize(
    "odd", [line("m")[:-1], "[" * 100_000 + '"usage" "assistant"', line("m", timestamp="soon")]
)
def test_a_broken_line_is_counted_and_the_rest_is_read(tmp_path: Path, odd: str) -> None:
    found = read(tmp_path, {"-p/a.jsonl": [odd, line("msg_1")]})
    assert (len(found.sums), found.broken) == (1, 1)


def test_only_the_time_that_is_asked_for_counts(tmp_path: Path) -> None:
    later = line("msg_2", timestamp="2026-11-21T10:00:00Z")
    found = read(tmp_path, {"-p/a.jsonl": [line("msg_1"), later]}, since=AT + 1)
    assert [each.at for each in found.sums] == [AT + 86_400]
    os.utime(tmp_path / "projects/-p/a.jsonl", (AT, AT))
    assert read_transcripts(tmp_path, AT + 1, None, []).sums == []


def test_without_claude_code_there_is_nothing(tmp_path: Path) -> None:
    assert read_transcripts(tmp_path / "none", None, None, []) == Transcripts()
