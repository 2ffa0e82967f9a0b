from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from codexmcp.picker.audit import audit_lines, readable
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from tests.support.memory_store import MemoryStore
from tests.support.run_stores import running


def run_in(folder: Path) -> Run:
    run = running(MemoryStore(), "r1")
    return replace(run, request=replace(run.request, audit_dir=str(folder)))


def test_markdown_is_shown_without_what_only_markdown_needs() -> None:
    text = "# a\\_b\n\n```text\n\\_ stays\n```\n\n- `x`: \\[y\\]\n````\n```\n````"
    assert readable(text) == ["# a_b", "", "  \\_ stays", "", "- `x`: [y]", "  ```"]


def test_what_steers_a_terminal_is_taken_out() -> None:
    assert readable("a\x1b[31mb\x07\x1b]0;x\x07c\td") == ["abc    d"]


def test_an_ended_run_is_told_by_its_summary(tmp_path: Path) -> None:
    (tmp_path / "r1.md").write_text("# the summary\n")
    run = replace(run_in(tmp_path), state=RunState.COMPLETED)
    assert audit_lines(run) == ["# the summary", ""]


def test_a_run_under_way_is_told_by_its_events_so_far(tmp_path: Path) -> None:
    event = (
        '{"at":1,"method":"item/completed","params":{"threadId":"t","turnId":"u","item":'
        '{"type":"commandExecution","id":"1","command":"ls -l","status":"completed","exitCode":0}}}'
    )
    (tmp_path / "r1.jsonl").write_text(f'{event}\n{{"torn')
    told = "\n".join(audit_lines(run_in(tmp_path)))
    assert "`ls -l`: exit code 0" in told
    assert "State: **running**" in told


def test_a_run_without_audit_files_is_told_by_the_store(tmp_path: Path) -> None:
    told = "\n".join(audit_lines(run_in(tmp_path / "gone")))
    assert "do it" in told
    assert "No audit files" in told
