from __future__ import annotations

from typing import Any

from codexmcp.server.codex_agents import agent_item, agent_messages

AROUND = {"turn_id": "u", "started_at_ms": 5, "completed_at_ms": 9}


def call(tool: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    given = {"senderThreadId": "t1", "receiverThreadIds": ["t2"], **fields}
    made = agent_item(
        {"type": "collabAgentToolCall", "id": "i", "tool": tool, "status": status, **given}
    )
    assert made is not None
    return made


def test_activity_of_an_agent_is_told_once_at_its_end() -> None:
    fields = {"kind": "started", "agentThreadId": "t2", "agentPath": "/root/a", "model": "m"}
    item = agent_item({"type": "subAgentActivity", "id": "i", **fields})
    assert item is not None
    assert agent_messages(item, AROUND, ended=False) == []
    assert agent_messages(item, AROUND, ended=True) == [
        {
            "type": "sub_agent_activity",
            "event_id": "i",
            "occurred_at_ms": 9,
            "agent_thread_id": "t2",
            "agent_path": "/root/a",
            "kind": "started",
        }
    ]


def test_an_agent_that_has_ended_tells_its_last_message_as_its_state() -> None:
    states = {"t2": {"status": "completed", "message": "Hi."}, "t3": {"status": "notFound"}}
    item = call("wait", agentsStates=states)
    assert item["agents_states"] == {"t2": {"completed": "Hi."}, "t3": "not_found"}
    (told,) = agent_messages(item, AROUND, ended=True)
    assert told["statuses"] == item["agents_states"]
    assert told["agent_statuses"][1] == {"thread_id": "t3", "status": "not_found"}


def test_waiting_for_any_agent_names_none() -> None:
    item = call("wait", "inProgress", receiverThreadIds=[])
    assert agent_messages(item, AROUND, ended=False) == [
        {
            "type": "collab_waiting_begin",
            "call_id": "i",
            "started_at_ms": 5,
            "sender_thread_id": "t1",
            "receiver_thread_ids": [],
        }
    ]


def test_an_agent_that_could_not_be_spawned_has_no_thread() -> None:
    (told,) = agent_messages(call("spawnAgent", receiverThreadIds=[]), AROUND, ended=True)
    assert (told["type"], told["new_thread_id"]) == ("collab_agent_spawn_end", None)


def test_tools_without_older_messages_have_none() -> None:
    assert agent_messages(call("listAgents"), AROUND, ended=True) == []
