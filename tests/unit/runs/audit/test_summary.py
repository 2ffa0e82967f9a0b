from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexmcp.appserver.events import TokenUsage, parse_event
from codexmcp.runs.audit import lines
from codexmcp.runs.audit.markdown import block, code, plain, render
from codexmcp.runs.audit.summary import SummaryBuilder
from codexmcp.runs.run import Progress, RunRequest
from codexmcp.runs.states import RunState
from tests.support.audit import a_run, command, ended, item

EVENTS = [
    command("make build"),
    command("make test", exit_code=2, output="noise\n" * 500 + "the last words\n"),
    item(type="fileChange", changes=[{"path": "a.py", "kind": {"type": "add"}, "diff": ""}]),
    item(type="fileChange", changes=[{"path": "a.py", "kind": {"type": "update"}}]),
    item(type="mcpToolCall", server="docs", tool="search", status="completed"),
    item(type="agentMessage", id="m", text="it is done"),
    parse_event("error", {"error": {"message": "Reconnecting... 1/5"}, "willRetry": True}),
    parse_event(
        "thread/tokenUsage/updated", {"tokenUsage": {"total": {"totalTokens": 7, "inputTokens": 5}}}
    ),
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


def test_a_long_run_keeps_its_ends_in_bounded_memory() -> None:
    notes = SummaryBuilder()
    tracemalloc.start()
    for number in range(3000):
        notes.note(command(f"step {number} " + "x" * 2000, exit_code=1, output="y" * 5000))
        notes.note(item(type="fileChange", changes=[{"path": f"{number}.py", "kind": "add"}]))
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    text = render(ended(a_run()), notes)
    assert size < 1_000_000
    assert "step 0 " in text
    assert "step 2999 " in text
    assert "… 2940 more …" in text
    assert "and 2700 more changes" in text


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
