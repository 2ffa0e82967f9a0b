"""The envelope of MCP 2026-07-28: metadata in each request and in each result.

Pure. Such a request stands for itself: no `initialize` comes before it, and its capabilities hold
for this request alone. Older requests have no envelope. Imports nothing heavy: a client is waiting.

Source: MCP 2026-07-28, basic/versioning, basic/index, utilities/caching; extension ext-tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import dig, is_object, object_of, text_of

_PREFIX = "io.modelcontextprotocol/"
VERSION_KEY = f"{_PREFIX}protocolVersion"
CAPABILITIES_KEY = f"{_PREFIX}clientCapabilities"
SERVER_INFO_KEY = f"{_PREFIX}serverInfo"
SUBSCRIPTION_KEY = f"{_PREFIX}subscriptionId"
TASKS_EXTENSION = f"{_PREFIX}tasks"

VERSIONS = ("2026-07-28",)
"""Versions with an envelope."""

HANDSHAKE_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Versions with `initialize`, oldest first."""

DISCOVER = "server/discover"
LISTEN = "subscriptions/listen"
TASK_METHODS = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})

MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022


@dataclass(frozen=True, slots=True)
class Envelope:
    """The metadata of a request.

    Attributes:
        version: The protocol version.
        capabilities: The capabilities of the client for this request.
    """

    version: str
    capabilities: Mapping[str, Any]

    @property
    def declares_tasks(self) -> bool:
        """The client takes a task as the answer to a call."""
        return is_object(dig(self.capabilities, "extensions", TASKS_EXTENSION))

    @property
    def takes_forms(self) -> bool:
        """The client can show a form. Source: `elicitation: {}` means forms only."""
        modes = self.capabilities.get("elicitation")
        return is_object(modes) and (not modes or "form" in modes)

    @property
    def takes_urls(self) -> bool:
        """The client can open a web page for its user."""
        return "url" in object_of(self.capabilities.get("elicitation"))


def has_envelope(method: str, params: messages.JsonObject) -> bool:
    """Return whether a request has an envelope, possibly an incomplete one."""
    meta = object_of(params.get("_meta"))
    # `initialize` opens an older version, whatever its metadata.
    return method != "initialize" and (VERSION_KEY in meta or CAPABILITIES_KEY in meta)


def envelope_of(method: str, params: messages.JsonObject) -> Envelope | None:
    """Return the envelope of a request; None for a request of an older version.

    Raises:
        RequestError: The envelope is incomplete, or its version is not supported.
    """
    if not has_envelope(method, params):
        return None
    meta = object_of(params.get("_meta"))
    if missing := [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]:
        raise RequestError(
            method,
            messages.INVALID_PARAMS,
            f"params._meta lacks {' and '.join(missing)}; MCP {VERSIONS[-1]} needs both in each "
            "request",
        )
    version, capabilities = text_of(meta[VERSION_KEY]), meta[CAPABILITIES_KEY]
    if version is None or not is_object(capabilities):
        raise RequestError(
            method,
            messages.INVALID_PARAMS,
            f"in params._meta, {VERSION_KEY} must be a string and {CAPABILITIES_KEY} an object",
        )
    if version not in VERSIONS:
        raise RequestError(
            method,
            UNSUPPORTED_VERSION,
            "unsupported protocol version; use one of `supported`, or begin with `initialize` for "
            f"{HANDSHAKE_VERSIONS[-1]} and older",
            {"supported": list(VERSIONS), "requested": version},
        )
    return Envelope(version, capabilities)


def check_declares_tasks(method: str, envelope: Envelope) -> None:
    """Refuse a request about tasks from a client without tasks.

    Raises:
        RequestError: The request does not declare the extension.
    """
    if not envelope.declares_tasks:
        raise RequestError(
            method,
            MISSING_CAPABILITY,
            f"{method} needs the extension {TASKS_EXTENSION} in {CAPABILITIES_KEY}",
            {"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}},
        )


def complete(result: Mapping[str, Any], server_info: Mapping[str, Any]) -> dict[str, Any]:
    """Return a result with the fields required of every result.

    Args:
        result: The result; its `resultType` stays, if there is one.
        server_info: Name and version of the server.
    """
    meta = {**object_of(result.get("_meta")), SERVER_INFO_KEY: dict(server_info)}
    return {"resultType": "complete", **result, "_meta": meta}


def cacheable(result: Mapping[str, Any], ttl_s: float) -> dict[str, Any]:
    """Return the result of a list with a hint for caches.

    Args:
        result: The result. Depends on the flags of the server, so caches must not share it.
        ttl_s: Time of validity, in seconds.
    """
    return {**result, "ttlMs": round(ttl_s * 1000), "cacheScope": "private"}
