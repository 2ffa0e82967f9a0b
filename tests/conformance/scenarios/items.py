"""Section 1.4: what is told while the model works: patches, thoughts and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from codexmcp.testing import FunctionCall, Reply, Text, Usage
from tests.conformance.scenario import (
    BOXED,
    EVENTS,
    FREE,
    Scenario,
    one_call,
    patch,
    shell,
    streamed,
)


def items() -> Iterable[Scenario]:
    """Yield the scenarios."""
    done = Text("Done.")
    yield from _patches()
    yield one_call("reasoning", streamed(*_reasoning_events()))
    yield one_call(
        "reasoning, raw shown",
        streamed(*_reasoning_events()),
        config_toml="show_raw_agent_reasoning = true\n",
    )
    yield one_call(
        "update_plan",
        Reply(
            (
                FunctionCall(
                    "update_plan",
                    {
                        "explanation": "Because.",
                        "plan": [{"step": "Test", "status": "in_progress"}],
                    },
                    "call_1",
                ),
            )
        ),
        done,
        **FREE,
    )
    yield one_call("token counts", Text("Hello.", Usage(100, 20, 30, 5)))
    yield one_call(
        "broken config.toml of an MCP server",
        Text("Hello."),
        config_toml='[mcp_servers.bad]\ncommand = "/no/such/server"\n',
    )


def _patches() -> Iterable[Scenario]:
    done = Text("Done.")
    add = "*** Add File: b.txt\n+hello\n+world"
    update = "*** Update File: a.txt\n@@\n-hello\n+bye"
    move = "*** Update File: a.txt\n*** Move to: c.txt\n@@\n-hello\n+bye"
    delete = "*** Delete File: a.txt"
    for name, text in {
        "add": add,
        "update": update,
        "move": move,
        "delete": delete,
        "add and delete": f"{add}\n{delete}",
        "wrong context": update.replace("hello", "nope"),
        "missing file": delete.replace("a.txt", "zzz.txt"),
        "broken": "nonsense",
    }.items():
        yield one_call(
            f"patch {name}",
            patch(text),
            done,
            compare=EVENTS | {"files"},
            files={"a.txt": "hello\n"},
            **BOXED,
        )
    yield one_call(
        "patch twice",
        patch(add),
        patch(update, "call_2"),
        done,
        files={"a.txt": "hello\n"},
        **BOXED,
    )
    yield one_call(
        "patch in a folder of git",
        shell("git init -q ."),
        patch(update, "call_2"),
        done,
        files={"a.txt": "hello\n"},
        **FREE,
    )


def _reasoning_events() -> Iterable[Mapping[str, object]]:
    at = {"item_id": "rs_1", "output_index": 0}
    begun = {"type": "reasoning", "id": "rs_1", "summary": [], "content": []}
    summary = [{"type": "summary_text", "text": "**Think**\n\nA lot."}]
    content = [{"type": "reasoning_text", "text": "Raw thought."}]
    part = {"type": "output_text", "text": "Hello.", "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    yield {"type": "response.created", "response": {"id": "resp_1"}}
    yield {"type": "response.output_item.added", "output_index": 0, "item": begun}
    yield {
        "type": "response.reasoning_summary_part.added",
        **at,
        "summary_index": 0,
        "part": {"type": "summary_text", "text": ""},
    }
    for delta in ("**Think**\n\n", "A lot."):
        yield {
            "type": "response.reasoning_summary_text.delta",
            **at,
            "summary_index": 0,
            "delta": delta,
        }
    yield {
        "type": "response.reasoning_text.delta",
        **at,
        "content_index": 0,
        "delta": "Raw thought.",
    }
    yield {
        "type": "response.output_item.done",
        "output_index": 0,
        "item": {**begun, "summary": summary, "content": content},
    }
    yield {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {**message, "content": []},
    }
    yield {
        "type": "response.output_text.delta",
        "item_id": "msg_1",
        "output_index": 1,
        "content_index": 0,
        "delta": "Hello.",
    }
    yield {"type": "response.output_item.done", "output_index": 1, "item": message}
    yield {"type": "response.completed", "response": {"id": "resp_1", "usage": None}}
