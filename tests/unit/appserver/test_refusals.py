"""Codex's texts as typed errors."""

from __future__ import annotations

import pytest

from codexmcp.appserver import refusals
from codexmcp.appserver.refusals import typed
from codexmcp.errors import RequestError


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Server is draining; retry after reconnecting", refusals.DrainingError),
        ("no rollout found for thread id 1", refusals.UnknownThreadError),
        ("thread not found: 1", refusals.UnknownThreadError),
        ("thread not loaded: 1", refusals.UnknownThreadError),
        ("list_turns is not supported yet", refusals.UnknownThreadError),
        ("rollout at /h/sessions/rollout-1.jsonl is empty", refusals.EmptyThreadError),
        ("session 1 is archived. Run `codex unarchive 1`", refusals.ArchivedThreadError),
        ("thread 1 already has an active writer", refusals.ThreadInUseError),
        ("lastTurnId identifies an in-progress turn", refusals.TurnUnderWayError),
        ("no active turn to steer", refusals.NoTurnError),
        ("the prompt is empty", RequestError),
    ],
)
def test_a_refusal_says_what_it_means(text: str, kind: type[RequestError]) -> None:
    error = typed(RequestError("thread/resume", -32600, text, {"more": 1}))
    assert type(error) is kind
    assert (error.method, error.code, error.message) == ("thread/resume", -32600, text)
    assert error.data == {"more": 1}


@pytest.mark.parametrize(
    ("thread", "codex", "is_refused"),
    [
        ("0.171.0", "codexmcp/0.163.0 (Debian 12.0.0; x86_64)", True),
        ("1.0.0", "codexmcp/0.163.0 (x)", True),
        ("0.163.2", "codexmcp/0.163.0 (x)", False),
        ("0.163.0", "codexmcp/0.171.0 (x)", False),
        ("", "codexmcp/0.163.0 (x)", False),
        ("0.171.0", "a fake without a version", False),
    ],
)
def test_a_thread_of_a_newer_codex_is_refused_with_a_remedy(
    thread: str, codex: str, *, is_refused: bool
) -> None:
    refusal = refusals.newer_thread({"id": "t1", "cliVersion": thread}, {"userAgent": codex})
    assert (refusal is not None) == is_refused
    if refusal is not None:
        assert f"thread t1 was started by Codex {thread}, and this is Codex 0.163.0" in str(refusal)
        assert f"name Codex {thread} or later in CODEX_BIN" in str(refusal)
