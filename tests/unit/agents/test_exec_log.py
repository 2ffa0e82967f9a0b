from __future__ import annotations

from pathlib import Path
from typing import Any

from codexmcp.agents.exec_log import ExecLog


def entry(number: int, command: str, code: int) -> str:
    return (
        f'2026-11-30T22:52:13.997519Z  INFO codex_otel.log_only: event.name="codex.tool_result"'
        f" tool_result_seq={number} tool_name=exec_command call_id=exec-{number} duration_ms=1"
        f' success=true arguments={{"cmd":"{command}"}} output=Chunk ID: 1\n'
        f"Process exited with code {code}\nOutput:\n mcp_server= mcp_server_origin="
        " event.timestamp=2026-11-30T22:52:13.997Z conversation.id=t app.version=0.163.0\n"
    )


def ended(command: str) -> dict[str, Any]:
    item = {"type": "command_execution", "command": f"/bin/bash -lc '{command}'", "exit_code": 1}
    return {"type": "item.completed", "item": item}


def test_only_commands_without_events_are_told_at_the_end_of_a_call(tmp_path: Path) -> None:
    log = ExecLog(tmp_path / "stderr")
    assert log.unreported() == []
    log.file.write_text("Reading …\n" + entry(1, "touch a", 1) + entry(2, "touch b", 1))
    log.note(ended("touch a"))
    begun, failed = log.unreported()
    assert (begun.text, failed.text, failed.failed) == ("touch b", "exit 1", True)
    assert log.unreported() == []
    assert log.last_words() == "Reading …"


def test_what_one_call_has_told_does_not_hide_what_the_next_one_lacks(tmp_path: Path) -> None:
    log = ExecLog(tmp_path / "stderr")
    log.note(ended("touch a"))
    assert log.unreported() == []
    log.file.write_text(entry(1, "touch a", 1) + "Error: no model\n")
    assert len(log.unreported()) == 2
    assert log.last_words() == "Error: no model"
