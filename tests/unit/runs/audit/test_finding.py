from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.runs.audit.finding import find_folder, thread_of
from codexmcp.runs.audit.index import IndexEntry, entries, newest, parse_entry
from codexmcp.runs.audit.names import POINTER_INDEX, PROJECT_INDEX, default_audit_dir
from codexmcp.runs.audit.reading import decode
from tests.support.audit import a_run, ended, open_trail

OLD_EVENTS: list[dict[str, Any]] = [
    {"method": "thread/started", "params": {"thread": {"id": "t", "cwd": "/w"}}},
    {"method": "turn/started", "params": {"threadId": "t", "cwd": "/w"}},
    {"id": 2, "result": {"thread": {"id": "t"}, "cwd": "/w"}},
    {"type": "thread.started", "thread_id": "t", "cwd": "/w"},
    {"ts": 1, "event": {"method": "turn/started", "params": {"threadId": "t", "cwd": "/w"}}},
]


def _write(path: Path, *lines: bytes | dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines)
    path.write_bytes(b"\n".join(data) + b"\n")


@pytest.mark.parametrize("event", OLD_EVENTS)
def test_every_way_an_event_tells_its_thread_is_understood(event: dict[str, Any]) -> None:
    assert thread_of(event) == ("t", "/w")


@given(st.binary(max_size=40))
def test_no_bytes_upset_a_reader(data: bytes) -> None:
    decode(data)
    parse_entry(data)


def test_lines_nested_too_deep_are_passed_over() -> None:
    assert decode(b'{"a":' * 100_000) is None


@pytest.mark.parametrize("run_id", ["../x", "index", "", "a/b", 7, None])
def test_an_entry_that_names_no_run_is_passed_over(run_id: object) -> None:
    assert parse_entry(json.dumps({"runId": run_id, "threadId": "t"}).encode()) is None


def test_an_entry_in_the_old_spelling_is_understood() -> None:
    line = {
        "run_id": "r",
        "thread_id": "t",
        "runDir": "relative/path",
        "run_name": "n",
        "status": "completed",
        "updatedAt": "2026-11-21T10:00:00Z",
    }
    assert parse_entry(json.dumps(line).encode()) == IndexEntry(
        "r", "t", title="n", status="completed", at=1795255200.0
    )


def test_the_files_of_a_run_of_another_project_are_found_by_the_pointers(tmp_path: Path) -> None:
    trail = open_trail(a_run(tmp_path), tmp_path / "pointers")
    trail.close()
    other = tmp_path / "other"
    found = find_folder("r-1", pointer_dir=tmp_path / "pointers", audit_dirs=[other])
    assert found == default_audit_dir(tmp_path)


def test_the_files_of_a_run_are_found_in_a_folder_that_is_named(tmp_path: Path) -> None:
    _write(tmp_path / "old.jsonl", b"\xff\x00garbage")
    assert find_folder("old", pointer_dir=tmp_path / "none", audit_dirs=[tmp_path]) == tmp_path


@pytest.mark.parametrize("run_id", ["../outside", "index", "unknown", "", "x\0", "linked"])
def test_what_is_no_known_run_is_not_found(tmp_path: Path, run_id: str) -> None:
    _write(tmp_path / "outside.jsonl", OLD_EVENTS[0])
    folder = tmp_path / "runs"
    _write(folder / PROJECT_INDEX, {"runId": "some", "threadId": "t"})
    (folder / "linked.jsonl").symlink_to(tmp_path / "outside.jsonl")
    assert find_folder(run_id, pointer_dir=tmp_path, audit_dirs=[folder]) is None


def test_the_index_is_read_from_its_end_and_past_what_is_broken(tmp_path: Path) -> None:
    lines = [{"runId": f"r{number}", "status": "s", "at": number} for number in range(5)]
    _write(tmp_path / POINTER_INDEX, lines[0], b'{"runId":"to', lines[1], b"\0\xff", b"", lines[2])
    assert [entry.run_id for entry in entries(tmp_path, POINTER_INDEX)] == ["r2", "r1", "r0"]


def test_each_run_that_is_still_there_is_listed_once_the_newest_first(tmp_path: Path) -> None:
    old, new = a_run(tmp_path, "old"), a_run(tmp_path, "new")
    gone = a_run(tmp_path, "gone")
    for run in (old, new, gone):
        trail = open_trail(run, tmp_path / "pointers")
        trail.state(ended(run))
        trail.close()
    folder = default_audit_dir(tmp_path)
    (folder / "gone.jsonl").unlink()
    for place, name in ((folder, PROJECT_INDEX), (tmp_path / "pointers", POINTER_INDEX)):
        listed = [(entry.run_id, entry.status) for entry in newest(place, name, 10)]
        assert listed == [("new", "completed"), ("old", "completed")]
        assert [entry.run_id for entry in newest(place, name, 1)] == ["new"]
    assert newest(tmp_path / "nowhere", PROJECT_INDEX, 10) == []
