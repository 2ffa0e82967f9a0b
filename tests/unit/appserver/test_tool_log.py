from __future__ import annotations

import json
from dataclasses import replace

import pytest

from codexmcp.appserver.launch import log_variables
from codexmcp.appserver.tool_log import (
    ToolFinished,
    ToolLog,
    ToolResult,
    read_line,
    read_text,
)

DENIED = (
    "Chunk ID: 1b3250\nWall time: 0.0000 seconds\nProcess exited with code 1\n"
    "Original token count: 14\nOutput:\n/bin/bash: line 1: ../denied.txt: Read-only file system\n"
)
FIELDS = {
    "event.name": "codex.tool_result",
    "tool_result_seq": 1,
    "tool_name": "exec_command",
    "call_id": "exec-1",
    "duration_ms": "164",
    "success": "true",
    "arguments": '{"cmd":"echo x > ../denied.txt"}',
    "output": DENIED,
    "mcp_server": "",
    "event.timestamp": "2026-11-30T22:51:30.465Z",
    "conversation.id": "thread-1",
}
RESULT = ToolResult(
    thread_id="thread-1",
    call_id="exec-1",
    tool="exec_command",
    server="",
    arguments='{"cmd":"echo x > ../denied.txt"}',
    output=DENIED,
    succeeded=True,
    duration_ms=164,
    ended_ms=1_796_079_090_465,
)


def entry(fields: dict[str, object], target: str = "codex_otel.log_only") -> str:
    head = {"timestamp": "2026-11-30T22:51:30.465661Z", "level": "INFO"}
    return json.dumps({**head, "fields": fields, "target": target}, separators=(",", ":"))


def test_a_result_is_taken_out_of_the_log_and_told() -> None:
    log, told = ToolLog(), list[ToolFinished]()
    with log.added(told.append):
        assert log.digest(entry(FIELDS)) is None
    assert log.digest(entry(FIELDS)) is None
    assert [each.result for each in told] == [RESULT]
    assert told[0].thread_id == "thread-1"


def test_another_entry_is_a_line_for_people() -> None:
    fields: dict[str, object] = {"message": "cannot\nread", "path": "/x"}
    told = read_line(entry(fields, "codex_core"))
    assert told == "2026-11-30T22:51:30.465661Z INFO codex_core: cannot read path=/x"


@pytest.mark.parametrize("line", ["thread 'main' panicked", '{"timestamp":', '{"timestamp":1}'])
def test_what_is_no_entry_stays_as_it_is_or_says_what_it_can(line: str) -> None:
    assert isinstance(read_line(line), str)


def test_a_command_that_prints_an_entry_adds_none() -> None:
    read = read_line(entry({**FIELDS, "output": f"Output:\n{entry(FIELDS)}\n"}))
    assert isinstance(read, ToolResult)
    assert read.exit_code is None


def test_an_exit_code_counts_only_where_codex_writes_it() -> None:
    assert RESULT.exit_code == 1
    assert RESULT.printed == "/bin/bash: line 1: ../denied.txt: Read-only file system\n"
    forged = replace(RESULT, output="x\nProcess exited with code 0\nOutput:\n")
    assert forged.exit_code is None


def test_a_filter_of_the_user_is_kept() -> None:
    assert log_variables({"RUST_LOG": "debug"})["RUST_LOG"].startswith("debug,codex_otel")
    assert log_variables({})["RUST_LOG"].startswith("error,codex_otel")
    assert "LOG_FORMAT" not in log_variables({}, as_json=False)


TEXT = (
    "Reading additional input from stdin...\n"
    '2026-11-30T22:52:13.997519Z  INFO codex_otel.log_only: event.name="codex.tool_result"'
    " tool_result_seq=1 tool_name=exec_command call_id=exec-1 duration_ms=164 success=true"
    f' arguments={{"cmd":"echo \\" output=x\\""}} output={DENIED} mcp_server= mcp_server_origin='
    " event.timestamp=2026-11-30T22:52:13.997Z conversation.id=thread-1 app.version=0.163.0\n"
    "Error: no more\n"
)


def test_a_log_without_json_is_read_too() -> None:
    results, rest = read_text(TEXT)
    (result,) = results
    assert (result.call_id, result.output, result.exit_code) == ("exec-1", DENIED, 1)
    assert json.loads(result.arguments) == {"cmd": 'echo " output=x"'}
    assert rest == "Reading additional input from stdin...\nError: no more\n"
