from __future__ import annotations

from typing import Any

from codexmcp.agents.progress import from_codex_event
from codexmcp.agents.record import AgentRecord


def record_of(*exit_codes: int) -> AgentRecord:
    record = AgentRecord()
    record.begin_call()
    for code in exit_codes:
        for step in from_codex_event({"type": "exec_command_end", "exit_code": code}):
            record.note(step)
    record.end_call(error=None, thread_id="t-1")
    return record


def test_a_run_without_commands_is_no_failure() -> None:
    assert record_of().failure(files_changed=False) is None


def test_one_good_command_is_enough() -> None:
    assert record_of(1, 0, 1).failure(files_changed=False) is None


def test_nothing_but_failed_commands_is_a_failure_unless_a_file_changed() -> None:
    reason = record_of(1, 127).failure(files_changed=False)
    assert reason == "all 2 commands failed, and no file changed"
    assert record_of(1, 127).failure(files_changed=True) is None


def test_the_last_call_decides() -> None:
    record = record_of(1)
    record.end_call(error="no money", thread_id=None)
    assert record.failure(files_changed=True) == "Codex failed: no money"
    record.begin_call()
    record.end_call(error=None, thread_id=None)
    assert record.failure(files_changed=False) is None
    assert record.thread_id == "t-1"


def test_thread_and_tokens_are_kept() -> None:
    record = AgentRecord()
    usage = {"total_token_usage": {"input_tokens": 5}}
    events: list[dict[str, Any]] = [
        {"type": "session_configured", "thread_id": "t-2"},
        {"type": "token_count", "info": usage},
        {"type": "session_configured", "thread_id": ""},
    ]
    for event in events:
        for step in from_codex_event(event):
            record.note(step)
    assert record.thread_id == "t-2"
    assert record.tokens == {"inputTokens": 5}
