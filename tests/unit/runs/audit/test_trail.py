from __future__ import annotations

import json
import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codexmcp.appserver.events import parse_event
from codexmcp.errors import AuditError
from codexmcp.runs.audit.names import POINTER_INDEX, PROJECT_INDEX, default_audit_dir
from codexmcp.runs.audit.prune import ABANDONED_S, RetentionBounds, choose, delete, ended_runs
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.runs.audit.reindex import audit_folders, scan
from codexmcp.runs.audit.trail import AuditTrail
from codexmcp.runs.changes import restored
from codexmcp.runs.run import Run, RunRequest
from codexmcp.runs.states import Phase, RunState
from tests.support.audit import a_run, command, ended, item, open_trail, running

SECRET = "hunter2-hunter2"


@pytest.fixture
def pointers(tmp_path: Path) -> Path:
    return tmp_path / "pointers"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def _reopen(run: Run, pointers: Path) -> AuditTrail:
    return AuditTrail.reopen(run, pointer_dir=pointers, redactor=Redactor())


def test_the_events_of_a_sub_agent_are_kept_with_its_path(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers, SECRET)
    trail.event(command("exit 7", exit_code=7), f"/root/{SECRET}")
    trail.state(ended(run))
    trail.close()
    (line,) = (line for line in _lines(folder / "r-1.jsonl") if "method" in line)
    assert line["agent"].startswith("/root/")
    summary = (folder / "r-1.md").read_text()
    assert f"## Agent `{line['agent']}`\n\n- `exit 7`: exit code 7" in summary
    assert SECRET not in str(line) + summary


def test_a_run_leaves_all_its_files(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers, SECRET)
    assert (folder / "active" / "r-1.json").exists()
    trail.state(running(run))
    trail.event(command(f"echo {SECRET}"))
    trail.event(parse_event("item/agentMessage/delta", {"delta": "piece"}))
    trail.approval({"text": f"may I {SECRET}?"}, "accept", "policy")
    trail.stderr(f"warning {SECRET}")
    trail.state(ended(run, message=f"the key is {SECRET}"))
    trail.close()
    assert sorted(path.name for path in folder.iterdir()) == [
        "active",
        PROJECT_INDEX,
        "r-1.jsonl",
        "r-1.md",
        "r-1.stderr.log",
    ]
    assert not list((folder / "active").iterdir())
    assert (folder.parent / ".gitignore").read_text() == "*\n"
    lines = _lines(folder / "r-1.jsonl")
    kinds = [next(iter(set(line) & {"format", "state", "method", "approval"})) for line in lines]
    assert kinds == ["format", "state", "state", "method", "approval", "state"]
    statuses = [line["status"] for line in _lines(folder / PROJECT_INDEX)]
    assert statuses == ["queued", "running", "completed"]
    assert _lines(pointers / POINTER_INDEX)[-1]["auditDir"] == str(folder)
    for path in (*folder.rglob("*"), *pointers.iterdir()):
        if path.is_file():
            assert SECRET not in path.read_text()
            assert path.stat().st_mode & 0o777 == 0o600
    assert trail.lost == 0


def test_a_title_does_not_hold_the_beginning_of_a_secret(project: Path, pointers: Path) -> None:
    run = a_run(project, prompt="x" * 70 + SECRET)
    open_trail(run, pointers, SECRET).close()
    assert "hunter" not in (default_audit_dir(project) / PROJECT_INDEX).read_text()


def test_a_run_that_is_not_accepted_leaves_nothing_of_its_own(
    project: Path, pointers: Path
) -> None:
    open_trail(a_run(project), pointers).discard()
    left = [path for path in project.rglob("*") if "r-1" in path.name]
    assert left == []


def test_a_second_run_of_the_same_id_is_refused_and_the_first_stays(
    project: Path, pointers: Path
) -> None:
    trail = open_trail(a_run(project), pointers)
    with pytest.raises(AuditError, match="it exists already"):
        open_trail(a_run(project), pointers)
    trail.state(ended(a_run(project)))
    trail.close()
    assert trail.lost == 0


@pytest.mark.parametrize("run_id", ["index", "../x", ""])
def test_an_id_that_names_other_files_is_refused(
    project: Path, pointers: Path, run_id: str
) -> None:
    with pytest.raises(AuditError, match="cannot name the files"):
        open_trail(a_run(project, run_id), pointers)
    assert list(project.iterdir()) == []


def test_another_process_goes_on_with_a_trail(project: Path, pointers: Path) -> None:
    run = a_run(project)
    first = open_trail(run, pointers)
    first.event(command("before"))
    first.close()
    second = _reopen(running(run), pointers)
    second.event(command("after"))
    second.state(ended(run))
    second.close()
    summary = (default_audit_dir(project) / "r-1.md").read_text()
    assert summary.index("`before`") < summary.index("`after`")


def test_a_torn_end_does_not_spoil_the_next_line(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    open_trail(run, pointers).close()
    for name in ("r-1.jsonl", PROJECT_INDEX):
        with (folder / name).open("a") as file:
            file.write('{"at":1,"meth')
    trail = _reopen(run, pointers)
    trail.state(ended(run))
    trail.close()
    for name in ("r-1.jsonl", PROJECT_INDEX):
        assert (folder / name).read_text().count('{"at":1,"meth\n') == 1
    assert _restored(folder).state is RunState.COMPLETED


def test_files_deleted_meanwhile_are_begun_anew(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers)
    trail.event(command("forgotten"))
    shutil.rmtree(project / ".codex")
    trail.event(command("kept"))
    trail.state(ended(run))
    trail.close()
    lines = _lines(folder / "r-1.jsonl")
    assert lines[0]["format"] == "codexmcp-run"
    assert lines[1]["lost"] == 3
    assert trail.lost == 3
    assert _restored(folder).message == "done"


def test_a_reopened_trail_without_files_begins_them_anew(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    open_trail(run, pointers).close()
    shutil.rmtree(project / ".codex")
    trail = _reopen(run, pointers)
    trail.state(ended(run))
    trail.close()
    assert _restored(folder).state is RunState.COMPLETED


def test_a_deleted_project_is_not_made_again_and_nothing_is_raised(
    project: Path, pointers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = a_run(project)
    trail = open_trail(run, pointers)
    shutil.rmtree(project)
    with caplog.at_level(logging.WARNING):
        trail.event(command())
        trail.stderr("x")
        trail.approval({"text": "q"}, "accept", "user")
        trail.state(ended(run))
    trail.close()
    _reopen(run, pointers).close()
    assert not project.exists()
    assert trail.lost == 5
    assert len([each for each in caplog.records if "not complete" in each.message]) == 2


def test_an_event_nested_too_deep_is_told_of_without_its_fields(
    project: Path, pointers: Path
) -> None:
    trail = open_trail(a_run(project), pointers)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    trail.event(parse_event("some/event", {"deep": deep}))
    trail.close()
    last = _lines(default_audit_dir(project) / "r-1.jsonl")[-1]
    assert last["method"] == "some/event"
    assert "deep" in last["cut"]


def _restored(folder: Path) -> Run:
    (fields,) = scan([folder])
    run = restored(fields)
    assert run is not None
    return run


def test_a_store_can_be_made_anew_from_the_files(project: Path, pointers: Path) -> None:
    request = RunRequest("p", str(project), str(default_audit_dir(project)), env={"A": "b"})
    done = ended(replace(a_run(project), request=request, priority=3, group="g"))
    trail = open_trail(replace(done, state=RunState.QUEUED), pointers)
    trail.state(done)
    trail.close()
    assert audit_folders(pointers, [project]) == [project, default_audit_dir(project)]
    run = _restored(default_audit_dir(project))
    files_hold = replace(request, env={})
    expected = replace(done, sequence=0, request=files_hold, phase=Phase.GIVEN_BACK)
    assert run == expected


def test_a_run_whose_records_are_cut_short_is_lost_and_an_unbegun_one_interrupted(
    project: Path, pointers: Path
) -> None:
    begun, waiting = a_run(project, "begun"), a_run(project, "waiting")
    trail = open_trail(begun, pointers)
    trail.state(running(begun))
    trail.close()
    open_trail(waiting, pointers).close()
    states = {each["id"]: each["state"] for each in scan([default_audit_dir(project)])}
    assert states == {"begun": "lost", "waiting": "interrupted"}


def test_a_run_that_is_being_written_is_neither_gathered_nor_deleted(
    project: Path, pointers: Path
) -> None:
    folder = default_audit_dir(project)
    trail = open_trail(a_run(project), pointers)
    assert list(scan([folder])) == []
    trail.state(ended(a_run(project)))
    assert ended_runs(folder, now=1e10) == []
    trail.close()
    (run,) = ended_runs(folder, now=1e10)
    again = _reopen(a_run(project), pointers)
    assert delete([run]) == []
    again.close()
    assert delete([run]) == [run]


def test_runs_of_the_sidecar_are_gathered(tmp_path: Path) -> None:
    events = [
        {"method": "thread/started", "params": {"thread": {"id": "t", "cwd": "/w"}}},
        {"method": "item/completed", "params": item(type="agentMessage", text="hi").params},
        {"method": "turn/completed", "params": {"turn": {"id": "u", "status": "completed"}}},
    ]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, events)))
    index = {"runId": "old", "title": "an audit", "status": "completed", "at": 5}
    (tmp_path / PROJECT_INDEX).write_text(json.dumps(index) + "\n")
    run = restored(next(iter(scan([tmp_path], group="mine"))))
    assert run is not None
    assert (run.state, run.thread_id, run.message) == (RunState.COMPLETED, "t", "hi")
    assert (run.request.cwd, run.title, run.group) == ("/w", "an audit", "mine")


def test_pruning_deletes_whole_runs_and_tells_their_size(project: Path, pointers: Path) -> None:
    folder = default_audit_dir(project)
    for number in range(3):
        run = a_run(project, f"r{number}")
        trail = open_trail(run, pointers)
        trail.stderr("x" * 100)
        trail.state(replace(ended(run), ended_at=2000.0 + number))
        trail.close()
    open_trail(a_run(project, "waiting"), pointers).close()
    known = ended_runs(folder, now=3000.0)
    assert ended_runs(folder, now=3000.0, spared=["r0", "r1"]) == known[2:]
    gone = delete(choose(known, RetentionBounds(count=1), now=3000.0))
    assert [run.run_id for run in gone] == ["r0", "r1"]
    assert all(run.size_bytes > 100 for run in gone)
    left = sorted(path.name for path in folder.iterdir() if path.is_file())
    assert left == [PROJECT_INDEX, "r2.jsonl", "r2.md", "r2.stderr.log", "waiting.jsonl"]


def test_pruning_leaves_no_word_that_an_abandoned_run_is_active(
    project: Path, pointers: Path
) -> None:
    folder = default_audit_dir(project)
    open_trail(a_run(project), pointers).close()
    assert ended_runs(folder, now=time.time()) == []
    abandoned = ended_runs(folder, now=time.time() + ABANDONED_S + 1.0)
    assert delete(abandoned) == abandoned
    assert sorted(path.name for path in folder.rglob("*")) == ["active", PROJECT_INDEX]


def test_a_large_file_is_taken_up_by_its_ends(
    project: Path, pointers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codexmcp.runs.audit.rewriting.MAX_READ_BYTES", 3000)
    monkeypatch.setattr("codexmcp.runs.audit.rewriting._END_BYTES", 700)
    run = a_run(project)
    trail = open_trail(run, pointers)
    for number in range(50):
        trail.event(command(f"step {number}"))
    trail.close()
    again = _reopen(run, pointers)
    again.state(ended(run))
    again.close()
    summary = (default_audit_dir(project) / "r-1.md").read_text()
    assert "`step 0`" in summary
    assert "`step 25`" not in summary
    assert "`step 49`" in summary
    assert "in the midst of this run are not in this summary" in summary


def test_unknown_notifications_and_items_are_counted_and_logged_once_per_run(
    project: Path, pointers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers, SECRET)
    for method in ("item/started", "item/completed"):
        trail.event(parse_event(method, {"threadId": "t", "item": {"type": "aNew", "id": "1"}}))
    for _ in range(3):
        trail.event(parse_event("a/new", {"threadId": "t"}))
    trail.event(parse_event("connection/lost", {"reason": "gone"}))
    assert caplog.records == []
    for _ in range(2):
        trail.state(ended(run))
    trail.close()
    counts = {"item aNew": 1, "notification a/new": 3}
    assert _lines(folder / "r-1.jsonl")[-1]["unknown"] == counts
    summary = (folder / "r-1.md").read_text()
    assert "- Unknown to this codexmcp: item aNew \\(1\\), notification a/new \\(3\\)" in summary
    (record,) = caplog.records
    assert "in run r-1: item aNew (1), notification a/new (3); `codexmcp codex check`" in (
        record.getMessage()
    )


def test_a_run_without_unknown_names_has_no_line_about_them(project: Path, pointers: Path) -> None:
    run, folder = a_run(project), default_audit_dir(project)
    trail = open_trail(run, pointers, SECRET)
    trail.event(command("true"))
    trail.state(ended(run))
    trail.close()
    assert "unknown" not in _lines(folder / "r-1.jsonl")[-1]
    assert "Unknown to" not in (folder / "r-1.md").read_text()
