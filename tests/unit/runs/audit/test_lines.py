from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import ConnectionLost, Event
from codexmcp.errors import AppServerClosedError
from codexmcp.runs.audit import lines
from codexmcp.runs.audit.lines import MAX_LINE_BYTES, encode
from codexmcp.runs.run import RunRequest
from codexmcp.runs.states import RunState
from tests.support.audit import a_run

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=5), VALUES))
def test_a_line_holds_its_object_and_ends_once(value: dict[str, Any]) -> None:
    data = encode(value)
    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert json.loads(data) == value


def test_half_a_pair_of_surrogates_is_written_as_json() -> None:
    assert json.loads(encode({"a": "x\ud83d"})) == {"a": "x\ud83d"}


def test_a_long_line_is_cut_with_a_note_and_keeps_what_it_is_about() -> None:
    params = {"threadId": "t", "item": {"aggregatedOutput": "x" * 3_000_000, "exitCode": 1}}
    data = encode({"at": 1.5, "method": "item/completed", "params": params})
    line = json.loads(data)
    assert len(data) < MAX_LINE_BYTES
    assert (line["at"], line["method"], line["params"]["threadId"]) == (1.5, "item/completed", "t")
    assert line["params"]["item"]["exitCode"] == 1
    assert line["params"]["item"]["aggregatedOutput"].endswith("… [cut: 3000000 characters]")
    assert "bytes" in line["cut"]


def test_a_line_of_very_many_values_is_cut() -> None:
    wide = {str(number): ["y" * 300] * 60 for number in range(600)}
    line = json.loads(encode({"at": 1.0, "method": "m", "params": wide}))
    assert (line["at"], line["method"]) == (1.0, "m")


def test_what_is_nested_too_deep_is_cut() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert b"too deep" in encode({"params": deep})


def test_the_header_names_the_environment_without_its_values() -> None:
    config = {
        "mcp_servers": {"s": {"command": "c", "env": {"K": "v1"}}},
        "mcp_servers.t.env.L": "v2",
    }
    request = RunRequest("p", "/", "/a", env={"B": "v3", "A": "v4"}, thread={"config": config})
    header = lines.header_line(replace(a_run(), request=request))
    assert header["format"] == "codexmcp-run"
    assert header["request"]["env_names"] == ["A", "B"]
    assert header["request"]["thread"]["config"]["mcp_servers"]["s"]["command"] == "c"
    assert RunRequest.from_json(header["request"]).prompt == "p"
    assert not any(value in str(header) for value in ("v1", "v2", "v3", "v4"))


def test_the_line_of_an_ended_state_tells_all_it_came_to() -> None:
    ended = replace(a_run(), state=RunState.FAILED, ended_at=5.0, message="m", reason="r")
    line = lines.state_line(ended, 6.0)
    assert (line["endedAt"], line["message"], line["reason"], line["at"]) == (5.0, "m", "r", 6.0)
    assert line["usage"]["totalTokens"] == 0
    assert "message" not in lines.state_line(a_run(), 6.0)


def test_pieces_are_told_from_whole_events() -> None:
    assert lines.is_piece("item/agentMessage/delta")
    assert lines.is_piece("item/commandExecution/outputDelta")
    assert not lines.is_piece("item/completed")


def test_a_lost_connection_tells_its_reason() -> None:
    event: Event = ConnectionLost(AppServerClosedError("it died", "last words"))
    assert lines.event_line(event, 1.0)["params"] == {"reason": "it died\nlast words"}


def test_the_line_of_a_sub_agents_event_names_the_agent() -> None:
    event = Event("item/started", {})
    assert "agent" not in lines.event_line(event, 1.0)
    assert lines.event_line(event, 1.0, "/root/a") == {
        "at": 1.0,
        "agent": "/root/a",
        "method": "item/started",
        "params": {},
    }
