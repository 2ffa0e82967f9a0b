from __future__ import annotations

from typing import Any

import pytest

from codexmcp.errors import RequestError
from codexmcp.server.envelope import (
    CAPABILITIES_KEY,
    VERSION_KEY,
    check_declares_tasks,
    complete,
    envelope_of,
)
from tests.support.envelope import FORMS, TASKS, enveloped


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/list", {}),
        ("server/discover", {}),
        ("tasks/get", {"_meta": {"progressToken": 1}}),
        ("tools/call", {"_meta": []}),
        ("initialize", enveloped()),
    ],
)
def test_a_request_of_an_older_version_has_no_envelope(method: str, params: dict[str, Any]) -> None:
    assert envelope_of(method, params) is None


@pytest.mark.parametrize(
    ("meta", "code"),
    [
        ({VERSION_KEY: "2026-07-28"}, -32602),
        ({CAPABILITIES_KEY: {}}, -32602),
        ({VERSION_KEY: 7, CAPABILITIES_KEY: {}}, -32602),
        ({VERSION_KEY: "2026-07-28", CAPABILITIES_KEY: []}, -32602),
        ({VERSION_KEY: "2025-11-25", CAPABILITIES_KEY: {}}, -32022),
        ({VERSION_KEY: "2099-01-01", CAPABILITIES_KEY: {}}, -32022),
    ],
)
def test_an_incomplete_or_unsupported_envelope_is_refused(meta: dict[str, Any], code: int) -> None:
    with pytest.raises(RequestError) as refused:
        envelope_of("tools/list", {"_meta": meta})
    assert refused.value.code == code
    if code == -32022:
        expected = {"supported": ["2026-07-28"], "requested": meta[VERSION_KEY]}
        assert refused.value.data == expected


@pytest.mark.parametrize(
    ("capabilities", "tasks", "forms", "urls"),
    [
        ({}, False, False, False),
        (TASKS, True, False, False),
        ({"extensions": []}, False, False, False),
        ({"tasks": {}}, False, False, False),
        (FORMS, False, True, False),
        ({"elicitation": {"form": {}}}, False, True, False),
        ({"elicitation": {"url": {}}}, False, False, True),
        ({"elicitation": {"url": {}, "form": {}}}, False, True, True),
        ({"elicitation": True}, False, False, False),
    ],
)
def test_capabilities_are_of_the_request(
    capabilities: dict[str, Any], *, tasks: bool, forms: bool, urls: bool
) -> None:
    envelope = envelope_of("tools/call", enveloped(capabilities=capabilities))
    assert envelope is not None
    assert envelope.declares_tasks is tasks
    assert (envelope.takes_forms, envelope.takes_urls) == (forms, urls)
    if not tasks:
        with pytest.raises(RequestError, match="needs the extension"):
            check_declares_tasks("tasks/get", envelope)


def test_a_result_gets_its_kind_and_its_server_and_keeps_what_it_has() -> None:
    given = {"resultType": "task", "_meta": {"usage": 1}}
    assert complete(given, {"name": "x"}) == {
        "resultType": "task",
        "_meta": {"usage": 1, "io.modelcontextprotocol/serverInfo": {"name": "x"}},
    }
    assert complete({}, {})["resultType"] == "complete"
