"""Items and notifications of app-server that become no event, each with the reason.

`test_schema` holds the table to the schemas of the builds; docs/reference/differences.md shows it.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from codexmcp.server import codex_agents, codex_events, codex_items

TRANSLATED_ITEMS = codex_items.ITEM_TYPES | codex_agents.ITEM_TYPES
TRANSLATED_NOTIFICATIONS = codex_events.TRANSLATED

_OTHER_CLIENTS = "The removed server had no such event: it is for other clients of app-server."
_NOT_COMPARED = (
    "A scripted model cannot lead to it, so its old form could not be compared with ours."
)

NOTIFICATIONS: Mapping[str, tuple[str, ...]] = {
    _OTHER_CLIENTS: (
        "account/gatewayOAuth/changed",
        "account/login/completed",
        "account/updated",
        "app/list/updated",
        "command/exec/outputDelta",
        "configWarning",
        "externalAgentConfig/import/completed",
        "externalAgentConfig/import/progress",
        "fs/changed",
        "fuzzyFileSearch/sessionCompleted",
        "fuzzyFileSearch/sessionUpdated",
        "item/mcpToolCall/progress",
        "mcpServer/event/stream/notification",
        "mcpServer/oauthLogin/completed",
        "process/exited",
        "process/outputDelta",
        "project/changed",
        "remoteControl/status/changed",
        "serverRequest/resolved",
        "skills/changed",
        "thread/archived",
        "thread/attachment/updated",
        "thread/closed",
        "thread/deleted",
        "thread/name/updated",
        "thread/prediction/updated",
        "thread/project/updated",
        "thread/queue/changed",
        "thread/readState/changed",
        "thread/reverted",
        "thread/search/partial",
        "thread/section/changed",
        "thread/settings/updated",
        "thread/started",
        "thread/status/changed",
        "thread/unarchived",
        "windows/worldWritableWarning",
        "windowsSandbox/setupCompleted",
    ),
    "Another event tells the same.": ("thread/compacted", "item/fileChange/outputDelta"),
    "It is a difference of its own, above (`mcp-startup`, `untold-fields`, `deprecations`).": (
        "mcpServer/startupStatus/updated",
        "account/rateLimits/updated",
        "deprecationNotice",
    ),
    "It belongs to what the removed server did not offer: plans, goals, environments, speech.": (
        "item/plan/delta",
        "turn/plan/updated",
        "thread/goal/cleared",
        "thread/goal/updated",
        "thread/environment/connected",
        "thread/environment/disconnected",
        "thread/realtime/closed",
        "thread/realtime/error",
        "thread/realtime/item/completed",
        "thread/realtime/item/started",
        "thread/realtime/item/transcript/delta",
        "thread/realtime/itemAdded",
        "thread/realtime/outputAudio/delta",
        "thread/realtime/sdp",
        "thread/realtime/started",
        "thread/realtime/transcript/delta",
        "thread/realtime/transcript/done",
    ),
    "It comes only with a feature of Codex that is under development.": (
        "item/fileChange/patchUpdated",
    ),
    _NOT_COMPARED: (
        "autoApprovalReview/strictReviewRequired",
        "model/safetyBuffering/updated",
        "modelProvider/authRecoveryCompleted",
        "modelProvider/authRecoveryStarted",
    ),
}
"""Names of notifications by the reason why they become no event."""

ITEMS: Mapping[str, tuple[str, ...]] = {
    "The removed server had no such item.": ("functionCallOutput",),
    "It belongs to what the removed server did not offer: plans, reviews, tools of the client.": (
        "plan",
        "enteredReviewMode",
        "exitedReviewMode",
        "dynamicToolCall",
    ),
    _NOT_COMPARED: ("imageGeneration",),
}
"""Types of items by the reason why they become no event."""


def unknown_notifications(schema: Mapping[str, Any]) -> set[str]:
    """Return the notifications of a schema that are neither translated nor listed.

    Args:
        schema: `ServerNotification.json` as Codex generates it.
    """
    return notifications_of(schema) - TRANSLATED_NOTIFICATIONS - listed(NOTIFICATIONS)


def unknown_items(schema: Mapping[str, Any]) -> set[str]:
    """Return the item types of a schema that are neither translated nor listed.

    Args:
        schema: As in `unknown_notifications`.
    """
    return items_of(schema) - TRANSLATED_ITEMS - listed(ITEMS)


def notifications_of(schema: Mapping[str, Any]) -> set[str]:
    """Return the names of all notifications of a schema."""
    return _constants(schema["oneOf"], "method")


def items_of(schema: Mapping[str, Any]) -> set[str]:
    """Return the types of all items of a schema."""
    return _constants(schema["definitions"]["ThreadItem"]["oneOf"], "type")


def listed(reasons: Mapping[str, Iterable[str]]) -> set[str]:
    """Return all names of a table."""
    return {name for names in reasons.values() for name in names}


def _constants(variants: Iterable[Mapping[str, Any]], field: str) -> set[str]:
    return {name for each in variants for name in each["properties"][field]["enum"]}
