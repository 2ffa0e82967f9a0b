from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.http.scope_check import needed
from codexmcp.workspace.tool import Scope


def scope_of(name: str) -> Scope | None:
    return {"fs_write": Scope.WRITE, "codex_run": Scope.RUNS}.get(name)


def call(name: object) -> bytes:
    return json.dumps({"method": "tools/call", "params": {"name": name}}).encode()


def test_a_call_needs_the_scope_of_its_tool() -> None:
    assert needed(call("fs_write"), scope_of) == (Scope.WRITE, "fs_write")
    assert needed(call("codex_run"), scope_of) == (Scope.RUNS, "codex_run")


@pytest.mark.parametrize("name", ["unknown", 7, None, ["fs_write"]])
def test_a_tool_that_there_is_not_needs_none(name: object) -> None:
    assert needed(call(name), scope_of) is None


def test_to_read_a_resource_needs_the_scope_for_reading() -> None:
    assert needed(b'{"method": "resources/read"}', scope_of) == (Scope.READ, "reading")
    assert needed(b'{"method": "tools/list"}', scope_of) is None


def test_only_utf_8_is_looked_into() -> None:
    assert needed(call("fs_write").decode().encode("utf-16"), scope_of) is None


@given(st.binary(max_size=60) | st.sampled_from([b"[" * 100_000, b"[]", b"null", b"\xff"]))
def test_nonsense_needs_none_and_breaks_nothing(body: bytes) -> None:
    assert needed(body, scope_of) is None
