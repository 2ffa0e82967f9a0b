from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from codexmcp.usage.skill_uses import SkillUses

AT = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def line(kind: str, payload: dict[str, object], second: int = 1) -> bytes:
    stamp = f"2026-11-20T12:00:{second:02}.000Z"
    entry = {"timestamp": stamp, "type": kind, "payload": payload}
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def turn(name: str) -> bytes:
    return line("turn_context", {"turn_id": name, "cwd": "/work/p"})


def named(skill: str, second: int = 1, role: str = "user") -> bytes:
    text = f"<skill>\n<name>{skill}</name>\n<path>/h/{skill}/SKILL.md</path>\n</skill>"
    content = [{"type": "input_text", "text": text}]
    return line("response_item", {"type": "message", "role": role, "content": content}, second)


def read(skill: str, second: int = 1) -> bytes:
    parsed = [{"type": "read", "name": "SKILL.md", "path": f"/h/skills/{skill}/SKILL.md"}]
    item = {"type": "CommandExecution", "command": ["cat"], "parsed_cmd": parsed}
    return line("event_msg", {"type": "item_completed", "item": item}, second)


class Home:
    """A Codex home with rollouts that grow."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, *lines: bytes, name: str = "rollout-1.jsonl") -> None:
        file = self.path / "sessions" / "2026" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as opened:
            opened.write(b"".join(lines))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_skill_counts_once_a_turn_however_it_is_used(home: Home) -> None:
    home.write(turn("t1"), named("a"), read("a"), read("b"), read("b"), turn("t1"), named("b"))
    home.write(turn("t2"), named("a", 5))
    uses = SkillUses(home.path, 0).new()
    assert [(use.skill, use.at - AT, use.cwd) for use in uses] == [
        ("a", 1, "/work/p"),
        ("b", 1, "/work/p"),
        ("a", 5, "/work/p"),
    ]


def test_what_was_told_is_not_told_again_and_what_is_added_is(home: Home) -> None:
    home.write(turn("t1"), named("a"), named("b", 3)[:-20])
    uses = SkillUses(home.path, 0)
    assert [use.skill for use in uses.new()] == ["a"]
    assert uses.new() == []
    home.write(named("b", 3)[-20:], named("c", 4))
    home.write(named("d", 5), name="rollout-2.jsonl")
    assert [use.skill for use in uses.new()] == ["b", "c", "d"]
    # The next process goes on from there.
    home.write(turn("t2"), named("a", 9))
    assert [use.skill for use in SkillUses(home.path, uses.latest).new()] == ["a"]


def test_other_lines_and_broken_ones_tell_of_no_skill(home: Home) -> None:
    home.write(
        named("a", role="assistant"),
        line(
            "response_item", {"type": "function_call_output", "output": "<skill>\n<name>a</name>"}
        ),
        named("a")[:-40] + b"\n",
        read("").replace(b"/h/skills//", b"/"),
        b"[" * 100_000 + b'<skill>\\n<name>"parsed_cmd" SKILL.md\n',
    )
    assert SkillUses(home.path, 0).new() == []


def test_a_home_without_rollouts_tells_nothing(tmp_path: Path) -> None:
    assert SkillUses(tmp_path / "none", 0).new() == []
