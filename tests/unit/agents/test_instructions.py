from __future__ import annotations

from codexmcp.agents.instructions import mcp_instructions, tool_instructions


def test_each_agent_is_told_its_own_tool_and_how_to_go_on() -> None:
    assert "`codex-reply` with the `threadId`" in mcp_instructions(resume=False)
    assert "`thread_id`" in tool_instructions()


def test_a_resumed_agent_is_not_told_of_the_tool_it_does_not_have() -> None:
    assert "`codex`" not in mcp_instructions(resume=True)
    assert "`codex-reply`" in mcp_instructions(resume=True)


def test_every_agent_is_told_to_keep_skills_and_not_to_invent_results() -> None:
    for text in (
        mcp_instructions(resume=True),
        mcp_instructions(resume=False),
        tool_instructions(),
    ):
        assert "$mcp-skill-smoke" in text
        assert "Never make up a result" in text
