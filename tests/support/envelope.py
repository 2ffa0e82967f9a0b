"""The envelope of MCP 2026-07-28, as a client writes it."""

from __future__ import annotations

from typing import Any

from codexmcp.server.envelope import CAPABILITIES_KEY, TASKS_EXTENSION, VERSION_KEY, VERSIONS

TASKS: dict[str, Any] = {"extensions": {TASKS_EXTENSION: {}}}
FORMS: dict[str, Any] = {"elicitation": {}}


def enveloped(
    params: dict[str, Any] | None = None,
    capabilities: dict[str, Any] | None = None,
    *,
    version: object = VERSIONS[-1],
    **meta: Any,
) -> dict[str, Any]:
    """Return the parameters of a request with an envelope."""
    own = {VERSION_KEY: version, CAPABILITIES_KEY: capabilities or {}}
    return {**(params or {}), "_meta": {**own, **meta}}
