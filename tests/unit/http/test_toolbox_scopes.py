from __future__ import annotations

import pytest

from codexmcp.http.toolbox import required_scope
from codexmcp.workspace.tool import Scope


def scope_of(name: str) -> Scope | None:
    return {"fs_write": Scope.WRITE, "codex_run": Scope.RUNS}.get(name)


def test_a_call_needs_the_scope_of_its_tool() -> None:
    for name, scope in (("fs_write", Scope.WRITE), ("codex_run", Scope.RUNS)):
        assert required_scope("tools/call", {"name": name}, scope_of) == (scope, name)


@pytest.mark.parametrize(
    "params", [None, {}, *({"name": name} for name in ("unknown", 7, None, ["fs_write"]))]
)
def test_a_tool_that_there_is_not_needs_none(params: dict[str, object] | None) -> None:
    assert required_scope("tools/call", params, scope_of) is None


def test_to_read_a_resource_needs_the_scope_for_reading() -> None:
    assert required_scope("resources/read", None, scope_of) == (Scope.READ, "reading")
    assert required_scope("tools/list", {"name": "fs_write"}, scope_of) is None
