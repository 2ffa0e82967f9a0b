from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from codexmcp.jsonrpc.messages import Dialect, encode_result
from codexmcp.server.run_tools.definitions import run_tool_definitions

CHARACTERS_PER_TOKEN = 4


def test_every_schema_is_one() -> None:
    for tool in run_tool_definitions():
        Draft202012Validator.check_schema(tool["inputSchema"])


def test_names_are_unique_and_arguments_are_closed() -> None:
    tools = run_tool_definitions()
    assert len({tool["name"] for tool in tools}) == len(tools) == 12
    assert all(tool["inputSchema"]["additionalProperties"] is False for tool in tools)
    assert all(
        set(tool["inputSchema"].get("required", ())) <= set(tool["inputSchema"]["properties"])
        for tool in tools
    )


def test_the_list_costs_an_agent_less_than_two_thousand_tokens() -> None:
    for_models = ("name", "description", "inputSchema")
    tools = [{key: tool[key] for key in for_models} for tool in run_tool_definitions()]
    sent = encode_result(Dialect.MCP, 1, {"tools": tools})
    assert len(sent) / CHARACTERS_PER_TOKEN < 2000


def test_what_the_list_has_for_programs_stays_small() -> None:
    sent = encode_result(Dialect.MCP, 1, {"tools": run_tool_definitions()})
    answers = [tool["outputSchema"] for tool in run_tool_definitions()]
    assert len(json.dumps(answers, separators=(",", ":"))) < 7000
    assert len(sent) < 16_000
