"""The rehearsal's rule as the Agents SDK's runner drives it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from agents import Agent, FunctionTool, ModelSettings, OpenAIResponsesModel, RunConfig, Runner
from agents.extensions.experimental.codex import codex_tool
from openai import AsyncOpenAI

from codexmcp.testing import Role, ScriptedModel, Text

PROMPT = "Use $smoke.\n\nMind `this`   spacing "
SCHEMA = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
CONFIG = RunConfig(tracing_disabled=True)


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as model:
        yield model


@pytest.fixture
async def sdk_model(model: ScriptedModel) -> AsyncIterator[OpenAIResponsesModel]:
    async with AsyncOpenAI(base_url=model.base_url, api_key="x", max_retries=0) as client:
        yield OpenAIResponsesModel("rehearsal", client)


def fake_codex(received: list[Any], answer: object, name: str = "codex") -> FunctionTool:
    async def invoke(_context: object, arguments: str) -> object:
        received.append(json.loads(arguments))
        return answer

    return FunctionTool(name, "Run Codex.", SCHEMA, invoke, strict_json_schema=False)


def agent_with(tool: Any, sdk_model: OpenAIResponsesModel) -> Agent[Any]:
    settings = ModelSettings(store=False)
    return Agent("worker", tools=[tool], model=sdk_model, model_settings=settings)


@pytest.mark.parametrize("name", ["codex", "codex-reply"])
async def test_a_run_hands_the_prompt_over_and_reports_the_answer(
    sdk_model: OpenAIResponsesModel, name: str
) -> None:
    received: list[Any] = []
    tool = fake_codex(received, {"type": "text", "text": "all 12 passed"}, name)
    result = await Runner.run(agent_with(tool, sdk_model), PROMPT, run_config=CONFIG)
    assert received == [{"prompt": PROMPT}]
    assert result.final_output == "Codex reported:\nall 12 passed"


async def test_a_streamed_run_does_the_same(sdk_model: OpenAIResponsesModel) -> None:
    received: list[Any] = []
    agent = agent_with(fake_codex(received, "all 12 passed"), sdk_model)
    result = Runner.run_streamed(agent, PROMPT, run_config=CONFIG)
    kinds = [event.type async for event in result.stream_events()]
    assert "raw_response_event" in kinds
    assert received == [{"prompt": PROMPT}]
    assert result.final_output == "Codex reported:\nall 12 passed"


async def test_the_second_turn_of_a_conversation_is_a_new_prompt(
    sdk_model: OpenAIResponsesModel,
) -> None:
    received: list[Any] = []
    agent = agent_with(fake_codex(received, "done"), sdk_model)
    first = await Runner.run(agent, "one", run_config=CONFIG)
    again = first.to_input_list()
    again.append({"role": "user", "content": "two"})
    await Runner.run(agent, again, run_config=CONFIG)
    assert received == [{"prompt": "one"}, {"prompt": "two"}]


async def test_the_sdks_own_codex_tool_accepts_the_call(
    model: ScriptedModel, sdk_model: OpenAIResponsesModel
) -> None:
    # The binary does not exist, so the tool fails, but only after it has parsed the call.
    tool = codex_tool(codex_options={"codex_path_override": "/nonexistent/codex"})
    result = await Runner.run(agent_with(tool, sdk_model), PROMPT, run_config=CONFIG)
    assert result.final_output.startswith("Codex failed:\nAn error occurred while running")
    (call,) = [item for item in model.requests[-1].turn.steps if "arguments" in item]
    (text,) = json.loads(call["arguments"])["inputs"]
    assert text["text"] == PROMPT


async def test_an_agents_own_script_takes_the_place_of_the_rule(
    model: ScriptedModel, sdk_model: OpenAIResponsesModel
) -> None:
    model.add(Text("no need for Codex"), role=Role.AGENT)
    agent = agent_with(fake_codex([], "never"), sdk_model)
    result = await Runner.run(agent, PROMPT, run_config=CONFIG)
    assert result.final_output == "no need for Codex"
    assert (model.remaining(Role.AGENT), model.unexpected) == (0, [])
