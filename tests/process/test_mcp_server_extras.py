"""What the server offers beyond the removed one."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from codexmcp.testing import Deltas, ScriptedModel, Stall, Text, Usage
from tests.support.mcp_server import call, configure, mcp_server, text_of, thread_of

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def test_an_answer_that_fits_the_schema_comes_as_a_value(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Text('{"n": 3}'), Text('{"n": "three"}')]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            good = await call(client, 1, prompt="x", output_schema=SCHEMA)
            assert good["structuredContent"]["output"] == {"n": 3}
            assert model.requests[0].body["text"]["format"]["schema"] == SCHEMA
            bad = await call(
                client, 2, "codex-reply", prompt="x", threadId=thread_of(good), output_schema=SCHEMA
            )
            assert bad["isError"]
            assert "does not fit the output-schema" in text_of(bad)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"output_schema": {"type": 5}}, "output-schema is not a JSON Schema"),
        ({"output_schema": {"type": "string"}}, "output-schema must describe an object"),
        ({"images": ["missing.png"]}, "image `missing.png` cannot be read: No such file"),
        ({"images": ["text.png"]}, "image `text.png` is not a PNG"),
        ({"images": ["fifo.png"]}, "image `fifo.png` is not a regular file"),
        (
            {"output_schema": {"type": "object", "$ref": "http://h/"}},
            "only have references inside itself",
        ),
        ({"timeout": 10**20}, "`timeout` must be at most 1000000000 seconds"),
        ({"images": "a.png"}, "expected a sequence"),
        ({"profile": "nope"}, "unknown profile `nope`"),
        ({"profile": "../evil"}, "invalid profile name `../evil`"),
        ({"profile": "broken"}, "profile `broken` is broken"),
        ({"timeout": 0}, "`timeout` must be more than 0 seconds"),
        ({"timeout": True}, "expected a number of seconds"),
        ({"effort": 5}, "expected a string"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_starts(
    codex_home: Path, tmp_path: Path, arguments: dict[str, Any], words: str
) -> None:
    (tmp_path / "text.png").write_text("no image")
    os.mkfifo(tmp_path / "fifo.png")
    async with ScriptedModel() as model:
        configure(codex_home, model)
        (codex_home / "broken.config.toml").write_text("model = ")
        async with mcp_server(codex_home, tmp_path) as client:
            result = await call(client, 1, prompt="x", **arguments)
            assert result["isError"]
            assert words in text_of(result)
        assert model.request_count == 0


async def test_images_effort_and_profile_reach_the_model(codex_home: Path, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(PNG)
    async with ScriptedModel([Text("ok")]) as model:
        configure(codex_home, model)
        (codex_home / "terse.config.toml").write_text(
            'model = "gpt-5.6-sol"\ndeveloper_instructions = "Be terse."\n'
        )
        async with mcp_server(codex_home, tmp_path) as client:
            await call(client, 1, prompt="x", images=["dot.png"], effort="low", profile="terse")
        body = model.requests[0].body
        assert body["model"] == "gpt-5.6-sol"
        assert body["reasoning"]["effort"] == "low"
        assert "Be terse." in str(body["input"])
        assert "data:image/png;base64," in str(body["input"])


async def test_a_timeout_interrupts_the_turn_and_keeps_the_thread(
    codex_home: Path, tmp_path: Path
) -> None:
    async with ScriptedModel([Text("one"), Stall(), Text("three")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            first = await call(client, 1, prompt="x")
            thread_id = thread_of(first)
            cut = await call(client, 2, "codex-reply", prompt="y", threadId=thread_id, timeout=3)
            assert cut["isError"]
            assert f"not done after 3 s and was interrupted; its thread {thread_id}" in text_of(cut)
            third = await call(client, 3, "codex-reply", prompt="z", threadId=thread_id)
            assert text_of(third) == "three"


async def test_a_result_tells_tokens_and_time(codex_home: Path, tmp_path: Path) -> None:
    usage = Usage(input_tokens=11, output_tokens=7)
    async with ScriptedModel([Text("ok", usage)]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            meta = (await call(client, 1, prompt="x"))["_meta"]
        assert meta["usage"]["inputTokens"] == 11
        assert meta["usage"]["outputTokens"] == 7
        assert meta["durationMs"] > 0


async def test_a_long_answer_is_cut_with_a_note(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Deltas("é" * 50, 10)]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, "--max-result-bytes", "101") as client:
            result = await call(client, 1, prompt="x")
        text = text_of(result)
        assert text.startswith("é" * 50 + "\n\n[cut: 101 of 1000 bytes")
        assert thread_of(result) in text


async def test_progress_is_told_to_those_who_ask(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Text("hello")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path) as client:
            params = {
                "name": "codex",
                "arguments": {"prompt": "x"},
                "_meta": {"progressToken": "token"},
            }
            await client.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            await client.wait_for(lambda m: m.get("id") == 1 and "result" in m, "the result")
            told = [
                m["params"] for m in client.received if m.get("method") == "notifications/progress"
            ]
        assert {step["progressToken"] for step in told} == {"token"}
        assert [step["progress"] for step in told] == list(range(1, len(told) + 1))
        assert told[-1]["message"] == "says: hello"


async def test_strict_compatibility_knows_none_of_it(codex_home: Path, tmp_path: Path) -> None:
    async with ScriptedModel([Text("ok")]) as model:
        configure(codex_home, model)
        async with mcp_server(codex_home, tmp_path, "--strict-compat") as client:
            refused = await call(client, 1, prompt="x", effort="low")
            assert "unknown field `effort`" in text_of(refused)
            assert "_meta" not in await call(client, 2, prompt="x")
