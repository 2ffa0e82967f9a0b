"""Runs as lines of the screen: text in tones, of an exact width.

Pure. Promises: all text of a run is cleaned before display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath

from rich.cells import cell_len

from codexmcp import figures
from codexmcp.picker.columns import Column
from codexmcp.picker.text import clean, fit
from codexmcp.runs.run import Run
from codexmcp.runs.states import OVER, RunState

LINES_PER_RUN = 2


class Tone(StrEnum):
    """The style of a piece of text."""

    PLAIN = "plain"
    TITLE = "title"
    FAINT = "faint"
    SELECTED = "selected"
    SELECTED_FAINT = "selected faint"
    HEADING = "heading"
    WORKING = "working"
    GOOD = "good"
    BAD = "bad"
    ASKING = "asking"
    BAR = "bar"


Line = tuple[tuple[str, Tone], ...]
"""Pieces of text, each with a tone."""

STATE_WORDS: Mapping[RunState, str] = {
    RunState.QUEUED: "queued",
    RunState.STARTING: "starting",
    RunState.RUNNING: "running",
    RunState.WAITING_FOR_APPROVAL: "needs answer",
    RunState.COMPLETED: "completed",
    RunState.FAILED: "failed",
    RunState.INTERRUPTED: "interrupted",
    RunState.TIMED_OUT: "timed out",
    RunState.LOST: "lost",
}

_TONES: Mapping[RunState, Tone] = {
    RunState.QUEUED: Tone.FAINT,
    RunState.STARTING: Tone.WORKING,
    RunState.RUNNING: Tone.WORKING,
    RunState.WAITING_FOR_APPROVAL: Tone.ASKING,
    RunState.COMPLETED: Tone.GOOD,
    RunState.FAILED: Tone.BAD,
    RunState.INTERRUPTED: Tone.FAINT,
    RunState.TIMED_OUT: Tone.BAD,
    RunState.LOST: Tone.BAD,
}


_FAILURES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.LOST})


def pieces(width: int, *parts: tuple[str, Tone]) -> Line:
    """Return pieces of clean text as a line of exactly `width` cells."""
    line: list[tuple[str, Tone]] = []
    left = width
    for text, tone in parts:
        cells = min(cell_len(text), left)
        if cells > 0:
            line.append((fit(text, cells), tone))
            left -= cells
    return (*line, (" " * left, line[-1][1] if line else Tone.PLAIN)) if left > 0 else tuple(line)


def column_lines(
    column: Column, *, width: int, height: int, now: float, has_focus: bool, with_folder: bool
) -> list[Line]:
    """Return a column as lines of an exact size.

    Args:
        column: The column.
        width: Cells in a line.
        height: Number of lines.
        now: Unix time, in seconds.
        has_focus: The column has the focus of keys.
        with_folder: Titles begin with the name of the project.
    """
    lines = [heading(column, width, has_focus=has_focus)]
    for run in column.page.runs:
        is_selected = has_focus and run.id == column.selected
        title = _title(run, with_folder=with_folder)
        lines += run_lines(run, title, width, now, is_selected=is_selected)
    if not column.page.runs:
        lines.append(pieces(width, (f"  {_emptiness(column)}", Tone.FAINT)))
    lines = lines[:height]
    return lines + [pieces(width)] * (height - len(lines))


def heading(column: Column, width: int, *, has_focus: bool) -> Line:
    """Return the line above a column."""
    more = column.page.following is not None
    page = f"page {column.number}{' …' if more else ''}" if more or column.number > 1 else ""
    mark = ">" if has_focus else " "
    name = f"{mark} {column.title}"
    gap = " " * max(1, width - cell_len(name) - len(page) - 1)
    return pieces(width, (name, Tone.HEADING), (f"{gap}{page}", Tone.FAINT))


def run_lines(run: Run, title: str, width: int, now: float, *, is_selected: bool) -> list[Line]:
    """Return the two lines of a run in a column."""
    word = STATE_WORDS[run.state]
    rest = "".join(f" · {fact}" for fact in facts(run, now))
    mark = "> " if is_selected else "  "
    # Visible without colors, too.
    word = f"! {word}" if run.state in _FAILURES else f"  {word}"
    if is_selected:
        return [
            pieces(width, (fit(mark + title, width), Tone.SELECTED)),
            pieces(width, (fit(f"{word}{rest}", width), Tone.SELECTED_FAINT)),
        ]
    room = max(0, width - len(word))
    return [
        pieces(width, (fit(mark + title, width), Tone.TITLE)),
        pieces(width, (word, _TONES[run.state]), (fit(rest, room), Tone.FAINT)),
    ]


def facts(run: Run, now: float) -> list[str]:
    """Return facts on a run beside the state, ordered by importance."""
    tokens = run.progress.usage.total_tokens
    told = [f"{figures.count(tokens)} tok"] if tokens else []
    if run.state in OVER:
        ended = run.ended_at or run.created_at
        took = [figures.duration(ended - run.started_at)] if run.started_at else []
        when = [] if run.ended_at is None else [figures.ago(run.ended_at, now)]
        reason = [clean(run.reason)] if run.reason else []
        return [*when, *took, *told, *reason]
    if run.state is RunState.QUEUED:
        return [
            figures.duration(now - run.created_at),
            *([clean(run.reason)] if run.reason else []),
        ]
    step = clean(run.progress.last_step)
    if run.state is RunState.WAITING_FOR_APPROVAL:
        step = clean(run.reason).removeprefix("waits for an answer: ")
    elapsed = [figures.duration(now - run.started_at)] if run.started_at else []
    return [*elapsed, *told, *([step] if step else [])]


def detail_lines(run: Run | None, width: int) -> list[Line]:
    """Return the lines on the selected run below the columns."""
    if run is None:
        return [pieces(width), pieces(width)]
    where = f"{run.id}  {clean(run.request.cwd)}"
    said = run.progress.last_step or run.reason
    if run.state in OVER:
        said = run.message or run.reason
    elif run.state is RunState.WAITING_FOR_APPROVAL:
        said = run.reason
    return [
        pieces(width, (fit(f" {where}", width), Tone.FAINT)),
        pieces(width, (fit(f" {clean(said[:500]) or '-'}", width), Tone.PLAIN)),
    ]


def header_line(place: str, counts: Mapping[RunState, int], width: int, note: str) -> Line:
    """Return the line at the top.

    Args:
        place: The folder of the runs.
        counts: Number of runs in each state.
        width: Cells in the line.
        note: A further text; empty for no text.
    """
    over = sum(count for state, count in counts.items() if state in OVER)
    failed = sum(count for state, count in counts.items() if state in _FAILURES)
    waiting = counts.get(RunState.WAITING_FOR_APPROVAL, 0)
    told = f"{sum(counts.values()) - over} running · {over - failed} completed "
    told = f"{told}· {failed} failed " if failed else told
    told = f"{waiting} to answer · {told}" if waiting else told
    told = f"{note} · {told}" if note else told
    room = max(0, width - cell_len(told) - 1)
    return pieces(
        width, (fit(f" {_end_of(clean(place), room - 1)}", room), Tone.BAR), (f" {told}", Tone.BAR)
    )


def key_line(keys: Sequence[tuple[str, str]], width: int) -> Line:
    """Return the line of keys, with the first keys in full and without the others."""
    shown: list[tuple[str, Tone]] = []
    used = 0
    for key, what in keys:
        cells = cell_len(key) + cell_len(what) + 3
        if used + cells > width:
            break
        shown += [(f" {key}", Tone.HEADING), (f" {what} ", Tone.FAINT)]
        used += cells
    return pieces(width, *shown)


def _title(run: Run, *, with_folder: bool) -> str:
    title = clean(run.title) or run.id
    folder = clean(PurePath(run.request.cwd).name)
    return f"{folder}: {title}" if with_folder and folder else title


def _emptiness(column: Column) -> str:
    if column.page.searched:
        return f"none of {column.page.searched} runs match; PgDn continues"
    return "none"


def _end_of(path: str, width: int) -> str:
    """Return a path, with a long path cut at the beginning."""
    if cell_len(path) <= width:
        return path
    while path and cell_len(path) >= width:
        path = path[1:]
    return f"…{path}"
