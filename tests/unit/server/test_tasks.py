from __future__ import annotations

from typing import Any

import pytest

from codexmcp.server.envelope import Envelope
from codexmcp.server.tasks import Task, TaskStatus, detailed

ENVELOPE = Envelope("2026-07-28", {"elicitation": {}})


def told(status: TaskStatus, **more: Any) -> dict[str, Any]:
    task = Task("a", status, "x", created_at=1.0, updated_at=2.0, poll_s=1.0, **more)
    return detailed(task, ENVELOPE)


@pytest.mark.parametrize("more", [{}, {"isError": True}, {"resultType": "complete"}])
def test_the_result_of_a_task_has_the_type_of_the_result_of_a_call(more: dict[str, Any]) -> None:
    result = told(TaskStatus.COMPLETED, result={"content": [], **more})["result"]
    assert result == {"resultType": "complete", "content": [], **more}


def test_a_task_has_a_result_or_an_error_or_none_of_them() -> None:
    failed = told(TaskStatus.FAILED, error={"code": -32603, "message": "x"})
    assert failed["error"] == {"code": -32603, "message": "x"}
    assert "result" not in failed
    assert not told(TaskStatus.WORKING).keys() & {"result", "error"}
