"""The model server as the official openai SDK sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from codexmcp.rehearsal.encoding import failed_events, response_object, stream_events
from codexmcp.testing import (
    CustomToolCall,
    Deltas,
    Failed,
    FunctionCall,
    Message,
    Reply,
    ScriptedModel,
    Text,
    Usage,
)

if TYPE_CHECKING:
    from codexmcp.rehearsal.responses import Item

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
SAYS_ALL = Reply(
    (
        Message("hello there", chunk_size=4),
        FunctionCall("exec_command", {"cmd": "ls"}, "call_1"),
        CustomToolCall("exec", "text(1)", "call_2"),
    ),
    Usage(10, 4, 3, 2),
)
items: st.SearchStrategy[Item] = st.one_of(
    st.builds(Message, st.text(), st.none() | st.integers(1, 9)),
    st.builds(FunctionCall, st.just("exec_command"), st.dictionaries(st.text(), st.text())),
    st.builds(CustomToolCall, st.just("exec"), st.text()),
)


def client_of(model: ScriptedModel) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=model.base_url, api_key="x", max_retries=0, timeout=10)


def said(response: Response) -> list[Any]:
    calls = {"function_call": "arguments", "custom_tool_call": "input"}
    return [
        getattr(item, calls[item.type]) if item.type in calls else response.output_text
        for item in response.output
    ]


@given(st.lists(items, max_size=3).map(tuple))
def test_the_sdks_own_types_accept_every_event_and_object(parts: tuple[Item, ...]) -> None:
    for event in stream_events(Reply(parts), "r1", "m"):
        assert EVENT.validate_python(event).type == event["type"]
    Response.model_validate(response_object(Reply(parts), "r1", "m"))


def test_the_sdks_own_types_accept_a_failed_response() -> None:
    *_, last = (
        EVENT.validate_python(event) for event in failed_events("server_error", "m", "", "")
    )
    assert last.response.error.message == "m"


async def test_a_whole_response_carries_all_items_and_the_usage() -> None:
    async with ScriptedModel([SAYS_ALL]) as model, client_of(model) as client:
        response = await client.responses.create(model="any", input="hi")
    assert said(response) == ["hello there", '{"cmd": "ls"}', "text(1)"]
    assert response.usage is not None
    assert (response.usage.total_tokens, response.model) == (14, "any")


async def test_a_stream_carries_the_same_and_its_deltas_add_up() -> None:
    async with ScriptedModel([SAYS_ALL]) as model, client_of(model) as client:
        stream = await client.responses.create(model="any", input="hi", stream=True)
        events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == ["hell", "o th", "ere"]
    assert events[-1].type == "response.completed"
    assert said(events[-1].response) == ["hello there", '{"cmd": "ls"}', "text(1)"]


async def test_twenty_thousand_deltas_arrive_one_by_one() -> None:
    async with ScriptedModel([Deltas("word ", 20_000)]) as model, client_of(model) as client:
        stream = await client.responses.create(model="any", input="hi", stream=True)
        kinds = [event.type async for event in stream]
    assert kinds.count("response.output_text.delta") == 20_000


@pytest.mark.parametrize("stream", [True, False])
async def test_a_failed_response_says_why(stream: bool) -> None:  # noqa: FBT001
    script = [Failed("rate_limit_exceeded", "slow down")]
    async with ScriptedModel(script) as model, client_of(model) as client:
        if stream:
            async with client.responses.stream(model="any", input="hi") as events:
                last = [event async for event in events][-1]
            assert last.type == "response.failed"
            response: Response = last.response
        else:
            response = await client.responses.create(model="any", input="hi")
    assert response.status == "failed"
    assert response.error is not None
    assert response.error.message == "slow down"


async def test_one_connection_serves_many_requests() -> None:
    async with ScriptedModel([Text("a"), Text("b"), Text("c")]) as model:
        async with client_of(model) as client:
            texts = [
                (await client.responses.create(model="any", input=str(number))).output_text
                for number in range(3)
            ]
        assert texts == ["a", "b", "c"]
        assert [request.turn.prompt for request in model.requests] == ["0", "1", "2"]


async def test_the_models_are_listed() -> None:
    async with ScriptedModel() as model, client_of(model) as client:
        assert [entry.id async for entry in client.models.list()] == ["rehearsal"]
