"""Endpoints other than MCP: telemetry, health, readiness and status."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.http.exchange import Exchange, Requests
from codexmcp.http.gate import Gate, Page
from codexmcp.http.persist import Persisted
from codexmcp.http.replies import RefusedError, answer
from codexmcp.http.telemetry import EventError, TelemetryKind, parse_event

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

SHOWN_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Facts:
    """Contents of the status.

    Attributes:
        version: The version of this program.
        url: The URL of MCP.
        tools: The names of the tools.
        roots: The folders of the file tools.
        status: Returns the supervisor's status.
    """

    version: str
    url: str
    tools: Sequence[str]
    roots: Sequence[str]
    status: Callable[[], Awaitable[Mapping[str, Any]]]


def pages(gate: Gate, persisted: Persisted, requests: Requests, facts: Facts) -> dict[str, Page]:
    """Return the endpoints by path."""

    def telemetry(kind: TelemetryKind) -> Page:
        async def take(request: Request, _exchange: Exchange) -> Response:
            body = await gate.body_of(request)
            try:
                persisted.add(parse_event(kind, json.loads(body), time.time()))
            except (EventError, RecursionError) as error:
                raise RefusedError(400, str(error)) from None
            except ValueError:
                raise RefusedError(400, "the body is not JSON") from None
            return answer({"ok": True})

        return Page(take, method="POST", is_open=True)

    async def health(_request: Request, _exchange: Exchange) -> Response:
        return answer({"ok": True})

    async def ready(_request: Request, _exchange: Exchange) -> Response:
        fault = await _fault(facts)
        return answer(
            {"ok": not fault, **({"reason": fault} if fault else {})}, 503 if fault else 200
        )

    async def status(_request: Request, exchange: Exchange) -> Response:
        own: dict[str, Any] = {
            "name": "codexmcp",
            "version": facts.version,
            "ok": not await _fault(facts),
        }
        if exchange.token is not None:
            own |= await _details(persisted, requests, facts)
        return answer(own)

    return {
        **{f"/{kind}": telemetry(kind) for kind in TelemetryKind},
        "/healthz": Page(health, is_public=True),
        "/readyz": Page(ready, is_public=True),
        "/status": Page(status, is_open=True),
    }


async def _fault(facts: Facts) -> str:
    """Return the reason for not accepting work; empty if ready."""
    try:
        return "it is ending" if (await facts.status())["draining"] else ""
    except CodexMCPError:
        return "the store of runs cannot be read"


async def _details(persisted: Persisted, requests: Requests, facts: Facts) -> dict[str, Any]:
    telemetry = persisted.telemetry
    try:
        supervisor: Mapping[str, Any] = await facts.status()
    except CodexMCPError as error:
        supervisor = {"error": str(error)}
    return {
        "url": facts.url,
        "tools": list(facts.tools),
        "roots": list(facts.roots),
        "supervisor": supervisor,
        "requests": {
            "total": requests.total,
            "byTool": dict(requests.by_tool),
            "byStatus": {str(status): count for status, count in requests.by_status.items()},
            "last": requests.last(),
        },
        "telemetry": {
            "project": telemetry.project,
            "counts": telemetry.counts,
            "last": telemetry.last(SHOWN_EVENTS),
            **({"fault": persisted.fault} if persisted.fault else {}),
        },
    }
