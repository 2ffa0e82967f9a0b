"""For which agent of Codex a request is."""

from __future__ import annotations

import json

import pytest

from codexmcp.rehearsal.request import Request


def request(**metadata: str) -> Request:
    headers = {"thread-id": "t-1", "x-codex-turn-metadata": json.dumps(metadata)}
    return Request("POST", "/v1/responses", headers)


def test_the_agent_is_told_by_its_path() -> None:
    assert request(agent_name="/root").agent == "/root"
    assert request(agent_name="/root/a/b", subagent_kind="thread_spawn").agent == "/root/a/b"


def test_a_sub_agent_without_a_path_is_told_by_its_thread() -> None:
    assert request(agent_name="/root", subagent_kind="thread_spawn").agent == "t-1"


@pytest.mark.parametrize("headers", [{}, {"x-codex-turn-metadata": "{"}])
def test_a_request_that_names_no_agent_is_for_the_root(headers: dict[str, str]) -> None:
    made = Request("POST", "/v1/responses", headers)
    assert (made.agent, made.thread_id) == ("/root", None)
