from __future__ import annotations

from typing import Any

from codexmcp.appserver.events import parse_event
from codexmcp.server.codex_notices import NOTICES

IDS = {"threadId": "t", "turnId": "u"}


def notice(method: str, **params: Any) -> dict[str, Any]:
    return NOTICES[method](parse_event(method, {**IDS, **params}))


def test_a_reroute_names_both_models() -> None:
    told = {"fromModel": "a", "toModel": "b", "reason": "highRiskCyberActivity"}
    assert notice("model/rerouted", **told) == {
        "type": "model_reroute",
        "from_model": "a",
        "to_model": "b",
        "reason": "high_risk_cyber_activity",
    }


def test_words_of_a_hook_are_spelled_anew_and_its_texts_are_not() -> None:
    entries = [{"kind": "feedback", "text": "aB"}]
    run = {"id": "aB", "eventName": "userPromptSubmit", "sourcePath": "/aB", "entries": entries}
    assert notice("hook/completed", run=run)["run"] == {
        "id": "aB",
        "event_name": "user_prompt_submit",
        "source_path": "/aB",
        "entries": entries,
    }


def test_a_review_in_progress_has_no_verdict() -> None:
    review = {"status": "inProgress", "riskLevel": None, "rationale": None}
    action = {"type": "command", "source": "unifiedExec", "command": "echo aB", "cwd": "/w"}
    told = {"reviewId": "r", "targetItemId": "i", "review": review, "action": action}
    assert notice("item/autoApprovalReview/started", startedAtMs=5, **told) == {
        "type": "guardian_assessment",
        "id": "r",
        "turn_id": "u",
        "target_item_id": "i",
        "started_at_ms": 5,
        "status": "in_progress",
        "action": {**action, "source": "unified_exec"},
    }
