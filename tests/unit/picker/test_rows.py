from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from codexmcp.appserver.events import TokenUsage
from codexmcp.picker.columns import COMPLETED, Column, Page
from codexmcp.picker.frame import LEAST_HEIGHT, LEAST_WIDTH, Scene, frame, page_size
from codexmcp.picker.rows import STATE_WORDS, Line, Tone, facts, header_line, key_line, run_lines
from codexmcp.picker.source import Snapshot, View
from codexmcp.runs.run import Progress, Run, RunRequest
from codexmcp.runs.states import OVER, RunState

NOW = 1_800_000_000.0
TEXTS = st.text(max_size=60)


def run_of(state: RunState, prompt: str = "fix it", reason: str = "", step: str = "") -> Run:
    return Run(
        id="r1",
        sequence=1,
        request=RunRequest(prompt, "/home/me/shop", "/a"),
        state=state,
        group="g",
        key="k",
        priority=0,
        created_at=NOW - 100,
        started_at=None if state is RunState.QUEUED else NOW - 90,
        ended_at=NOW - 70 if state in OVER else None,
        reason=reason,
        progress=Progress(3, TokenUsage(total_tokens=12_345), step),
    )


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def scene(runs: list[Run], words: tuple[str, ...] = (), message: str = "") -> Scene:
    columns = (Column("Running", COMPLETED), Column("Completed", COMPLETED))
    columns[0].show(Page(tuple(runs)))
    columns[1].show(Page(tuple(runs)))
    return Scene(columns, 0, Snapshot(View()), "/home/me/shop", words, (message, Tone.BAD), NOW)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (RunState.QUEUED, ["1m40s", "why"]),
        (RunState.RUNNING, ["1m30s", "12.3k tok", "runs ls"]),
        (RunState.WAITING_FOR_APPROVAL, ["1m30s", "12.3k tok", "why"]),
        (RunState.COMPLETED, ["1m ago", "20s", "12.3k tok", "why"]),
        (RunState.LOST, ["1m ago", "20s", "12.3k tok", "why"]),
    ],
)
def test_a_run_is_told_by_what_matters_in_its_state(state: RunState, told: list[str]) -> None:
    assert facts(run_of(state, reason="why", step="runs ls"), NOW) == told


def test_every_state_has_a_word() -> None:
    assert set(STATE_WORDS) == set(RunState)


def test_the_selected_run_is_marked_without_colour() -> None:
    lines = run_lines(run_of(RunState.RUNNING), "fix it", 30, NOW, is_selected=True)
    assert text_of(lines[0]).startswith("> fix it")
    others = run_lines(run_of(RunState.RUNNING), "fix it", 30, NOW, is_selected=False)
    assert text_of(others[0]).startswith("  fix it")


@pytest.mark.parametrize("is_selected", [False, True])
def test_a_failure_is_marked_without_colour(*, is_selected: bool) -> None:
    marked = {
        state
        for state in RunState
        if text_of(run_lines(run_of(state), "t", 40, NOW, is_selected=is_selected)[1])[0] == "!"
    }
    assert marked == {RunState.FAILED, RunState.TIMED_OUT, RunState.LOST}


@given(st.sampled_from(RunState), TEXTS, TEXTS, TEXTS, st.integers(60, 130), st.integers(15, 40))
def test_every_line_takes_the_width_of_the_screen_and_steers_nothing(
    state: RunState, prompt: str, reason: str, step: str, width: int, height: int
) -> None:
    run = run_of(state, prompt, reason, step)
    drawn = frame(scene([run, replace(run, id="r2")]), width, height)
    assert drawn.columns is not None
    left, right = drawn.columns
    joined = [(*one, (" ", Tone.PLAIN), *two) for one, two in zip(left, right, strict=True)]
    for line in (*drawn.header, *joined, *drawn.below, *drawn.keys):
        assert cell_len(text_of(line)) == width
        assert text_of(line).isprintable()
    assert len(drawn.header) + len(left) + len(drawn.below) + len(drawn.keys) == height


@pytest.mark.parametrize("size", [(80, 24), (LEAST_WIDTH, LEAST_HEIGHT)])
def test_a_page_of_runs_is_shown_whole(size: tuple[int, int]) -> None:
    count = page_size(size[1])
    runs = [replace(run_of(RunState.COMPLETED, f"t{each}"), id=f"r{each}") for each in range(count)]
    columns = frame(scene(runs), *size).columns
    assert columns is not None
    shown = "\n".join(text_of(line) for line in columns[0])
    assert f"t{count - 1}" in shown
    assert shown.count("completed") == count


def test_a_screen_that_is_too_small_says_what_it_needs() -> None:
    drawn = frame(scene([]), 40, 10)
    assert "at least 60x15" in " ".join(text_of(line).strip() for line in drawn.instead)
    assert drawn.columns is None


def test_no_runs_lead_to_how_to_start_one() -> None:
    drawn = frame(scene([]), 80, 24)
    text = "\n".join(text_of(line) for line in drawn.instead)
    assert "codexmcp runs start" in text
    assert "codex-runs --all" in text


def test_a_filter_without_matches_still_shows_the_columns() -> None:
    drawn = frame(scene([], words=("zebra",)), 80, 24)
    assert drawn.columns is not None
    assert "filter: zebra" in text_of(drawn.header[0])


def test_a_long_message_takes_three_lines_at_most() -> None:
    drawn = frame(scene([run_of(RunState.RUNNING)], message="trouble " * 50), 80, 24)
    assert [text_of(line).split()[0] for line in drawn.below] == ["trouble"] * 3
    drawn = frame(scene([run_of(RunState.RUNNING)], message="trouble"), 80, 24)
    assert [text_of(line).split()[:1] for line in drawn.below] == [["r1"], ["-"], ["trouble"]]


def test_the_header_keeps_the_end_of_a_long_folder() -> None:
    working = {RunState.RUNNING: 2, RunState.WAITING_FOR_APPROVAL: 1}
    counts = {**working, RunState.COMPLETED: 1200, RunState.LOST: 2, RunState.FAILED: 1}
    told = text_of(header_line("/a/very/long/path/" * 5 + "shop", counts, 80, ""))
    assert "shop " in told
    assert "1 to answer · 3 running · 1200 completed · 3 failed" in told
    assert "failed" not in text_of(header_line("/shop", working, 80, ""))


def test_keys_that_do_not_fit_are_left_out_whole() -> None:
    keys = [("q", "quit"), ("i", "interrupt")]
    assert text_of(key_line(keys, 12)).strip() == "q quit"
