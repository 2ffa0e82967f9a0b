from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.answers import Answer, ApprovalDecision, Question, can_be_declined, to_codex
from codexmcp.jsonrpc.messages import Request
from codexmcp.server.questions import elicitation_params, read_answer

PLACE = {"threadId": "t", "turnId": "u", "itemId": "i"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def question(method: str, **params: Any) -> Request:
    return Request(7, method, {**PLACE, **params})


def command(**more: Any) -> Request:
    action = {"type": "listFiles", "command": "ls", "path": None}
    fields = {"command": "/bin/bash -lc 'ls a'", "cwd": "/w", "commandActions": [action]}
    return question(Question.COMMAND, **fields, **more)


def test_a_command_is_put_in_the_old_fields() -> None:
    assert elicitation_params(command(), 3, None) == {
        "message": "Allow Codex to run `/bin/bash -lc 'ls a'` in `/w`?",
        "requestedSchema": {"type": "object", "properties": {}},
        "codex_elicitation": "exec-approval",
        "codex_command": ["/bin/bash", "-lc", "ls a"],
        "codex_cwd": "/w",
        "codex_parsed_cmd": [{"type": "list_files", "cmd": "ls", "path": None}],
        "threadId": "t",
        "codex_mcp_tool_call_id": "3",
        "codex_event_id": "u",
        "codex_call_id": "i",
    }


def test_a_patch_is_put_with_its_changes_and_reasons() -> None:
    changes = [{"path": "/w/a", "kind": {"type": "add"}, "diff": "x"}]
    asked = question(Question.FILE_CHANGE, reason="r", grantRoot="/w")
    params = elicitation_params(asked, "c", changes)
    assert params is not None
    assert params["codex_changes"] == {"/w/a": {"type": "add", "content": "x"}}
    assert (params["codex_reason"], params["codex_grant_root"]) == ("r", "/w")


def test_a_question_of_an_mcp_server_names_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    asked = question(Question.ELICITATION, serverName="s", message="Why?", requestedSchema=schema)
    assert elicitation_params(asked, 1, None) == {
        "message": "s (an MCP server of Codex) asks: Why?",
        "requestedSchema": schema,
    }


def test_a_url_is_passed_on() -> None:
    asked = question(Question.ELICITATION, mode="url", url="https://a", elicitationId="e")
    params = elicitation_params(asked, 1, None) or {}
    assert (params["mode"], params["url"], params["elicitationId"]) == ("url", "https://a", "e")


def test_what_the_model_asks_is_put_as_a_form() -> None:
    asked = question(Question.USER_INPUT, questions=[{"id": "a", "header": "A", "question": "B?"}])
    field = {"type": "string", "title": "A", "description": "B?"}
    assert elicitation_params(asked, 1, None) == {
        "message": "Codex asks: B?",
        "requestedSchema": {"type": "object", "properties": {"a": field}, "required": ["a"]},
    }


@pytest.mark.parametrize("method", [Question.PERMISSIONS, "other"])
def test_other_questions_cannot_be_put(method: str) -> None:
    assert elicitation_params(question(method), 1, None) is None


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        ({"decision": "approved"}, ApprovalDecision.ACCEPT),
        ({"decision": "approved_for_session"}, ApprovalDecision.ACCEPT_FOR_SESSION),
        ({"decision": "denied"}, ApprovalDecision.DECLINE),
        ({"decision": {"denied": {"rejection": "no"}}}, ApprovalDecision.DECLINE),
        ({"decision": "abort"}, ApprovalDecision.CANCEL),
        ({"decision": "timed_out"}, ApprovalDecision.DECLINE),
        ({"decision": "denied", "action": "accept"}, ApprovalDecision.DECLINE),
        ({"action": "accept"}, ApprovalDecision.ACCEPT),
        ({"action": "decline"}, ApprovalDecision.DECLINE),
        ({"action": "cancel"}, ApprovalDecision.CANCEL),
    ],
)
def test_both_dialects_of_answers_are_read(result: object, verdict: ApprovalDecision) -> None:
    assert read_answer(result).decision is verdict


def test_an_amendment_is_read() -> None:
    words = {"proposed_execpolicy_amendment": ["git", "status"]}
    answer = read_answer({"decision": {"approved_execpolicy_amendment": words}})
    assert answer == Answer(ApprovalDecision.ACCEPT, ("git", "status"))


@given(json_values)
def test_what_cannot_be_read_never_approves(result: object) -> None:
    plain = isinstance(result, dict) and {"decision", "action"} & set(result)
    if not plain:
        assert read_answer(result).decision is ApprovalDecision.DECLINE


@given(json_values)
def test_only_the_words_for_it_approve(decision: object) -> None:
    approving = {ApprovalDecision.ACCEPT, ApprovalDecision.ACCEPT_FOR_SESSION}
    if "approved" not in str(decision):
        assert read_answer({"decision": decision}).decision not in approving


def test_an_amendment_is_passed_on_only_where_it_is_allowed() -> None:
    answer = Answer(ApprovalDecision.ACCEPT, ("git",))
    allowed = to_codex(command(), answer, allow_amendments=True)
    amendment = {"execpolicy_amendment": ["git"]}
    assert allowed == {"decision": {"acceptWithExecpolicyAmendment": amendment}}
    assert to_codex(command(), answer, allow_amendments=False) == {"decision": "accept"}


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (Question.COMMAND, {"decision": "decline"}),
        (Question.FILE_CHANGE, {"decision": "decline"}),
        (Question.ELICITATION, {"action": "decline", "content": None}),
        (Question.PERMISSIONS, {"permissions": {}}),
        (Question.USER_INPUT, {"answers": {}}),
    ],
)
def test_every_question_has_an_answer_that_means_no(method: str, answer: object) -> None:
    asked = question(method)
    assert can_be_declined(asked)
    assert to_codex(asked, Answer(ApprovalDecision.DECLINE), allow_amendments=True) == answer


def test_what_was_filled_in_is_passed_on() -> None:
    answer = Answer(ApprovalDecision.ACCEPT, content={"a": "b"})
    sent = to_codex(question(Question.ELICITATION), answer, allow_amendments=False)
    assert sent == {"action": "accept", "content": {"a": "b"}}


def test_a_request_that_is_no_question_cannot_be_declined() -> None:
    assert not can_be_declined(question("currentTime/read"))
