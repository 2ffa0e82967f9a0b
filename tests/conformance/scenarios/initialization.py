"""Sections 1.1 and 1.2: how a conversation begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from codexmcp.testing import Text
from tests.conformance.scenario import EVENTS, HELLO, Scenario, asking, says
from tests.conformance.steps import MAYBE_S, Response, codex, initialize, request

_CLIENT = {"name": "probe", "version": "1"}
_WHOLE: Mapping[str, Any] = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": _CLIENT,
}
_ALL_CAPABILITIES = {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}}

_BROKEN: Mapping[str, Any] = {
    "without clientInfo": {"protocolVersion": "2025-06-18", "capabilities": {}},
    "without capabilities": {"protocolVersion": "2025-06-18", "clientInfo": _CLIENT},
    "without protocolVersion": {"capabilities": {}, "clientInfo": _CLIENT},
    "with no fields": {},
    "with a list": [],
    "with protocolVersion number": {**_WHOLE, "protocolVersion": 5},
    "with clientInfo list": {**_WHOLE, "clientInfo": []},
    "with clientInfo without version": {**_WHOLE, "clientInfo": {"name": "a"}},
}
_UNUSUAL: Mapping[str, Any] = {
    "with client title": {
        **_WHOLE,
        "capabilities": _ALL_CAPABILITIES,
        "clientInfo": {**_CLIENT, "title": "Probe"},
    },
    "with an extra field": {**_WHOLE, "foo": 1},
    "with a client name that is no header": {
        **_WHOLE,
        "clientInfo": {"name": "ä\n(", "version": "1"},
    },
}


def initialization() -> Iterable[Scenario]:
    """Yield the scenarios."""
    for scenario in _beginnings():
        yield replace(scenario, strict=True)
    steps = (codex(1), Response(1), initialize(2), Response(2))
    yield Scenario("codex before initialize", says(Text("Hello.")), steps, EVENTS)


def _beginnings() -> Iterable[Scenario]:
    for version in ("2024-11-05", "2025-03-26", "2025-11-25", "2026-07-28", "1999-01-01", "x", ""):
        yield asking(f"initialize {version!r}", initialize(1, version), Response(1))
    for name, params in {**_BROKEN, **_UNUSUAL}.items():
        wait = Response(1, optional_s=MAYBE_S)
        yield asking(f"initialize {name}", request(1, "initialize", params), wait)
    yield asking(
        "initialize without params", request(1, "initialize"), Response(1, optional_s=MAYBE_S)
    )
    yield asking("initialize twice", *HELLO, initialize(1), Response(1))
    yield asking(
        "initialize again after a broken one",
        request(1, "initialize", {}),
        initialize(3),
        Response(3),
        request(2, "ping"),
        Response(2),
    )
    yield asking("tools/list before initialize", request(1, "tools/list"), Response(1))
    yield asking("ping before initialize", request(1, "ping"), Response(1))
    before = (request(1, "server/discover", {}), Response(1))
    yield asking("server/discover before initialize", *before)
