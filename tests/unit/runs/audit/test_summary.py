from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import Event, TokenUsage, parse_event
from codexmcp.runs.audit import lines
from codexmcp.runs.audit.markdown import block, code, plain, render
from codexmcp.runs.audit.summary import FURTHER_AGENTS, MAX_AGENTS, SummaryBuilder
from codexmcp.runs.run import Progress, RunRequest
from codexmcp.runs.states import RunState
from tests.support import items
from tests.support.audit import a_run, command, ended, item
from tests.support.items import completed, started


def tokens(thread: str, turn: str, input_tokens: int, output_tokens: int) -> Event:
    counts = {"inputTokens": input_tokens, "outputTokens": output_tokens}
    usage = {"total": counts, "last": counts}
    fields = {"threadId": thread, "turnId": turn, "tokenUsage": usage}
    return parse_event("thread/tokenUsage/updated", fields)


EVENTS = [
    parse_event("turn/started", {"threadId": "t", "turn": {"id": "u"}}),
    command("make build"),
    command("make test", exit_code=2, output="noise\n" * 500 + "the last words\n"),
    item(type="fileChange", changes=[{"path": "a.py", "kind": {"type": "add"}, "diff": ""}]),
    item(type="fileChange", changes=[{"path": "a.py", "kind": {"type": "update"}}]),
    item(type="mcpToolCall", server="docs", tool="search", status="completed"),
    item(type="agentMessage", id="m", text="it is done"),
    parse_event("error", {"error": {"message": "Reconnecting... 1/5"}, "willRetry": True}),
    tokens("t", "u", 5, 2),
]


def test_a_summary_tells_what_was_asked_done_and_said() -> None:
    notes = SummaryBuilder()
    for event in EVENTS:
        notes.note(event)
    notes.note_approval({"params": {"command": ["rm", "x"]}}, "accept", "policy")
    request = RunRequest(
        "Fix it", "/w", "/a", name="fix", thread={"model": "gpt", "sandbox": "read-only"}
    )
    run = replace(ended(a_run(), message=""), request=request, reason="because", attempt=2)
    text = render(run, notes)
    for expected in (
        "# fix\n",
        "**completed**: because",
        "Model: `gpt`",
        "Sandbox: `read-only`",
        "after 1.5 s",
        "Attempts: 2",
        "Tokens: 7 (5 in",
        "- `make build`: exit code 0, 1.2 s\n- `make test`: exit code 2",
        "  the last words",
        "- `mcpToolCall docs search`",
        "- `a.py`: add, update",
        "- `rm x`: accept by policy",
        "Reconnecting... 1/5 \\(Codex tries again\\)",
        "## Final message\n\n```text\nit is done\n```",
    ):
        assert expected in text
    assert len(text) < 4000


def test_a_summary_made_anew_from_the_lines_is_the_same() -> None:
    direct, anew = SummaryBuilder(), SummaryBuilder()
    run = replace(ended(a_run()), progress=Progress(usage=TokenUsage(total_tokens=7)))
    for event in EVENTS:
        direct.note(event)
        anew.note_record(lines.event_line(event, 1.0))
    direct.note_approval({"text": "q"}, "decline", "user")
    anew.note_record(lines.approval_line({"text": "q"}, None, "", 1.0))
    anew.note_record(lines.approval_line({"text": "q"}, "decline", "user", 1.0))
    anew.note_record(lines.state_line(run, 2.0))
    assert render(run, direct) == render(run, anew)


CHILD = "/root/a"


def test_a_summary_tells_the_work_of_each_sub_agent() -> None:
    notes = SummaryBuilder()
    notes.note(completed(items.AGENT_STARTED))
    notes.note(parse_event("turn/started", {"threadId": "c", "turn": {"id": "v"}}), CHILD)
    for item_of_child in (items.COMMAND, items.MOVE, items.WEB_SEARCH, items.message("CHILD_DONE")):
        notes.note(completed(item_of_child, "c"), CHILD)
    notes.note(tokens("c", "v", 100, 10), CHILD)
    notes.note(parse_event("error", {"error": {"message": "Reconnecting"}}), CHILD)
    notes.note_approval({"text": "rm x", "agent": CHILD}, "decline", "user")
    text = render(ended(a_run()), notes)
    before, _, after = text.partition("## Agent `/root/a`\n\n")
    assert "- `subAgentActivity /root/a started`" in before
    assert "exit 7" not in before
    assert "Tokens: 110 (100 in" in before
    assert after.startswith(
        "- `/bin/bash -lc 'exit 7'`: exit code 7, 0.0 s\n"
        "- `webSearch weather`\n"
        "- `/w/kept.txt`: moved to /w/moved.txt\n"
        "- `/w/moved.txt`: moved from /w/kept.txt\n\n"
        "```text\nCHILD_DONE\n```"
    )
    assert "- /root/a: Reconnecting" in after
    assert "- `/root/a: rm x`: decline by user" in after
    assert text.endswith("## Final message\n\n```text\ndone\n```\n")


def test_a_sub_agent_is_known_again_from_the_lines() -> None:
    direct, anew = SummaryBuilder(), SummaryBuilder()
    for event in (completed(items.COMMAND), completed(items.UNKNOWN)):
        direct.note(event, CHILD)
        anew.note_record(lines.event_line(event, 1.0, CHILD))
    assert render(ended(a_run()), direct) == render(ended(a_run()), anew)
    assert "- `hologram a cube`" in render(ended(a_run()), anew)


def test_more_sub_agents_than_there_is_room_for_share_one_place() -> None:
    notes = SummaryBuilder()
    for number in range(MAX_AGENTS + 5):
        notes.note(completed(items.COMMAND), f"/root/{number}")
    assert len(notes.agents) == MAX_AGENTS + 1
    assert notes.agents[FURTHER_AGENTS].steps.count == 5


def test_a_command_that_was_cut_off_is_listed_without_an_end() -> None:
    notes = SummaryBuilder()
    notes.note(started({**items.COMMAND, "id": "cut", "command": "sleep 30"}))
    notes.note(started(items.COMMAND))
    notes.note(completed(items.COMMAND))
    text = render(ended(a_run(), RunState.INTERRUPTED), notes)
    assert "exit code 7, 0.0 s\n- `sleep 30`: no end on record" in text


def test_an_empty_answer_of_a_completed_run_is_told() -> None:
    run = ended(a_run(), message="")
    assert "## Final message\n\nNone: the turn ended" in render(run, SummaryBuilder())
    failed = replace(run, state=RunState.FAILED)
    assert "Final message" not in render(failed, SummaryBuilder())


def test_a_long_run_keeps_its_ends_in_bounded_memory() -> None:
    notes = SummaryBuilder()
    tracemalloc.start()
    for number in range(1000):
        notes.note(command(f"step {number} " + "x" * 2000, exit_code=1, output="y" * 5000))
        notes.note(item(type="fileChange", changes=[{"path": f"{number}.py", "kind": "add"}]))
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    text = render(ended(a_run()), notes)
    assert size < 1_000_000
    assert "step 0 " in text
    assert "step 999 " in text
    assert "… 940 more …" in text
    assert "and 700 more changes" in text


@given(st.text("`~\n\rab #<>", max_size=60))
def test_no_text_ends_its_block(text: str) -> None:
    made = block(text)
    if made:
        fence = made[: made.index("t")]
        assert fence == "`" * len(fence)
        assert fence not in made[len(fence) : -len(fence)]
        assert made.endswith("\n" + fence)


@given(st.text("`ab ", max_size=30))
def test_no_text_ends_its_line_of_code(text: str) -> None:
    made = code(text)
    if made:
        fence = made[: len(made) - len(made.lstrip("`"))]
        assert fence not in made[len(fence) : -len(fence)]


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202e", "a\x07"])
def test_nothing_steers_a_terminal(text: str) -> None:
    for make in (plain, code, block):
        assert not set(make(text)) & set("\x1b\u202e\x07")


def test_a_title_is_no_markup() -> None:
    assert plain("<b> [x](y)\n# z") == "\\<b\\> \\[x\\]\\(y\\) \\# z"


def test_a_lost_run_without_events_has_a_summary() -> None:
    run = replace(a_run(), state=RunState.LOST, reason="killed")
    assert "**lost**: killed" in render(run, SummaryBuilder())
