"""What events tell about trees of threads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.agents import MAX_SLEEP_MS, Agents, sleeps_s
from codexmcp.appserver.events import parse_event


def tell(agents: Agents, method: str, **params: Any) -> None:
    agents.note(parse_event(method, params))


def spawn(agents: Agents, parent: str, child: str, path: str = "") -> None:
    item = {
        "type": "subAgentActivity",
        "kind": "started",
        "agentThreadId": child,
        "agentPath": path or f"/root/{child}",
    }
    tell(agents, "item/started", threadId=parent, item=item)
    tell(agents, "item/completed", threadId=parent, item=item)


def begin(agents: Agents, thread: str, turn: str = "turn") -> None:
    tell(agents, "turn/started", threadId=thread, turn={"id": turn})


def end(agents: Agents, thread: str, turn: str = "turn") -> None:
    tell(agents, "turn/completed", threadId=thread, turn={"id": turn})


@pytest.fixture
def agents() -> Agents:
    """Three generations: r has the children a and b, and a has c."""
    agents = Agents()
    spawn(agents, "r", "a")
    spawn(agents, "r", "b")
    spawn(agents, "a", "c", "/root/a/c")
    return agents


def test_a_tree_is_listed_from_its_root_down(agents: Agents) -> None:
    assert agents.tree("r") == ["r", "a", "b", "c"]
    assert agents.tree("a") == ["a", "c"]
    assert list(agents.lineage("c")) == ["c", "a", "r"]


def test_only_sub_agents_have_a_path(agents: Agents) -> None:
    assert [agents.path(each) for each in ("r", "a", "c")] == ["", "/root/a", "/root/a/c"]


def test_a_sub_agent_is_busy_from_its_making_to_the_end_of_its_turn(agents: Agents) -> None:
    assert agents.busy("r") == ["a", "b", "c"]
    assert agents.turn("a") == ""
    begin(agents, "a", "1")
    assert agents.turn("a") == "1"
    end(agents, "a", "1")
    end(agents, "b", "2")
    assert agents.busy("r") == ["c"]


def test_the_end_of_an_earlier_turn_is_not_that_of_the_present_one(agents: Agents) -> None:
    begin(agents, "r", "2")
    end(agents, "r", "1")
    assert agents.turn("r") == "2"


def test_older_surfaces_tell_of_sub_agents_otherwise() -> None:
    agents = Agents()
    item = {"type": "collabAgentToolCall", "senderThreadId": "r", "receiverThreadIds": ["a", 5]}
    tell(agents, "item/started", threadId="r", item=item)
    tell(agents, "thread/started", thread={"id": "b", "parentThreadId": "r"})
    assert agents.tree("r") == ["r", "a", "b"]


def test_a_command_is_open_until_it_ends(agents: Agents) -> None:
    command = {"type": "commandExecution", "id": "1"}
    tell(agents, "item/started", threadId="c", item=command)
    assert agents.has_commands("r")
    assert not agents.has_commands("b")
    tell(agents, "item/completed", threadId="c", item=command)
    assert not agents.has_commands("r")


def test_what_is_unloaded_has_neither_turns_nor_commands(agents: Agents) -> None:
    tell(agents, "item/started", threadId="c", item={"type": "commandExecution", "id": "1"})
    tell(agents, "thread/closed", threadId="c")
    assert not agents.has_commands("r")
    assert agents.busy("r") == ["a", "b"]


def test_a_forgotten_tree_leaves_nothing(agents: Agents) -> None:
    spawn(agents, "x", "y")
    agents.forget("r")
    assert agents.tree("r") == ["r"]
    assert agents.busy("r") == []
    assert agents.tree("x") == ["x", "y"]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"))))
def test_whatever_is_told_a_tree_ends_and_has_each_thread_once(
    pairs: list[tuple[str, str]],
) -> None:
    agents = Agents()
    for parent, child in pairs:
        spawn(agents, parent, child)
    for root in "abcde":
        tree = agents.tree(root)
        assert len(tree) == len(set(tree))
        assert all(root in agents.lineage(each) for each in tree)


@pytest.mark.parametrize(
    ("item", "seconds"),
    [
        ({"type": "sleep", "durationMs": 2500}, 2.5),
        ({"type": "sleep", "durationMs": 10**30}, MAX_SLEEP_MS / 1000),
        ({"type": "sleep", "durationMs": True}, 0.0),
        ({"type": "sleep"}, 0.0),
        ({"type": "reasoning", "durationMs": 5}, 0.0),
    ],
)
def test_a_sleep_is_announced_when_it_begins(item: dict[str, Any], seconds: float) -> None:
    assert sleeps_s(parse_event("item/started", {"item": item})) == seconds
    assert sleeps_s(parse_event("item/completed", {"item": item})) == 0.0
