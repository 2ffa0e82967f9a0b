"""App-server's notices of the provider, hooks and reviews as messages of the removed server.

Pure. Source: `codex mcp-server` and `codex app-server` of 0.153.4, side by side for the same turns.
"""

from __future__ import annotations

from collections.abc import Callable

from codexmcp.appserver.events import Event, Fields
from codexmcp.jsonvalues import list_of, object_of, without_nulls
from codexmcp.server.codex_items import Msg, snake, snake_names


def _message(kind: str) -> Callable[[Event], Msg]:
    return lambda event: {"type": kind, "message": event.params.get("message", "")}


def _rerouted(event: Event) -> Msg:
    models = {"from_model": event.params.get("fromModel"), "to_model": event.params.get("toModel")}
    return {"type": "model_reroute", **models, "reason": snake(event.params.get("reason"))}


def _verification(event: Event) -> Msg:
    asked = list_of(event.params.get("verifications"))
    return {"type": "model_verification", "verifications": [snake(name) for name in asked]}


def _moderation(event: Event) -> Msg:
    return {"type": "turn_moderation_metadata", "metadata": event.params.get("metadata")}


def _terminal_interaction(event: Event) -> Msg:
    old = {"type": "terminal_interaction", "call_id": event.params.get("itemId")}
    return {**old, "process_id": event.params.get("processId"), "stdin": event.params.get("stdin")}


def _hook(kind: str) -> Callable[[Event], Msg]:
    def make(event: Event) -> Msg:
        run = object_of(event.params.get("run"))
        entries = [_worded(object_of(entry), "kind") for entry in list_of(run.get("entries"))]
        words = ("eventName", "handlerType", "executionMode", "scope", "source", "status")
        return {
            "type": kind,
            "turn_id": event.turn_id or None,
            "run": {**_worded(run, *words), "entries": entries},
        }

    return make


def _assessment(event: Event) -> Msg:
    params, review = event.params, object_of(event.params.get("review"))
    names = ("targetItemId", "startedAtMs", "completedAtMs", "decisionSource")
    told = without_nulls({name: params.get(name) for name in names})
    action = without_nulls(object_of(params.get("action")))
    return {
        "type": "guardian_assessment",
        "id": params.get("reviewId"),
        "turn_id": event.turn_id,
        **_worded(told, "decisionSource"),
        **_worded(without_nulls(review), "status", "riskLevel", "userAuthorization"),
        "action": _worded(action, "type", "source"),
    }


def _worded(fields: Fields, *words: str) -> Msg:
    """Return fields under their old names, with the values of `words` translated, too."""
    return {
        snake(key): snake_names(value) if key in words else value for key, value in fields.items()
    }


NOTICES: dict[str, Callable[[Event], Msg]] = {
    "warning": _message("warning"),
    "guardianWarning": _message("guardian_warning"),
    "item/autoApprovalReview/started": _assessment,
    "item/autoApprovalReview/completed": _assessment,
    "item/commandExecution/terminalInteraction": _terminal_interaction,
    "hook/started": _hook("hook_started"),
    "hook/completed": _hook("hook_completed"),
    "model/rerouted": _rerouted,
    "model/verification": _verification,
    "turn/moderationMetadata": _moderation,
}
"""Translations into one message each, by notification name."""
