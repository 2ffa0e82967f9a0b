"""The whole list as lines, from the model and the size of the screen.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codexmcp.data_classes import dataclass
from codexmcp.picker.columns import Column
from codexmcp.picker.help import KEYS, empty_lines
from codexmcp.picker.rows import (
    LINES_PER_RUN,
    Line,
    Tone,
    column_lines,
    detail_lines,
    header_line,
    key_line,
    pieces,
)
from codexmcp.picker.source import Snapshot
from codexmcp.picker.text import fit, wrap
from codexmcp.runs.states import RunState

LEAST_WIDTH, LEAST_HEIGHT = 60, 15
LINES_BELOW = 3
_LINES_AROUND = LINES_BELOW + 2
"""`LINES_BELOW`, the header and the line of keys."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The input of a drawing.

    Attributes:
        columns: The two columns.
        focus: Index of the column with the focus of keys.
        snapshot: The last snapshot; None before the first read.
        folder: The folder of the runs; None for all folders.
        words: The filter.
        message: A temporary message, with a tone.
        now: Unix time, in seconds.
    """

    columns: Sequence[Column]
    focus: int
    snapshot: Snapshot | None
    folder: str | None
    words: Sequence[str]
    message: tuple[str, Tone]
    now: float


@dataclass(frozen=True, slots=True)
class Frame:
    """The lines of each part of the screen.

    Attributes:
        header: The first line.
        columns: The lines of both columns; None with `instead`.
        instead: A text in place of the columns.
        below: The lines below: the selected run, and the message.
        keys: The last line.
    """

    header: Sequence[Line] = ()
    columns: Sequence[Sequence[Line]] | None = None
    instead: Sequence[Line] = ()
    below: Sequence[Line] = ()
    keys: Sequence[Line] = ()


def page_size(height: int) -> int:
    """Return the number of runs in a column, for a height of the screen in lines."""
    return max(1, (height - _LINES_AROUND - 1) // LINES_PER_RUN)


def is_too_small(width: int, height: int) -> bool:
    """Return True for a screen without room for the list."""
    return width < LEAST_WIDTH or height < LEAST_HEIGHT


def frame(scene: Scene, width: int, height: int) -> Frame:
    """Return the list as lines of exactly `width` cells."""
    if is_too_small(width, height):
        text = f"The terminal has {width}x{height} cells; at least {LEAST_WIDTH}x{LEAST_HEIGHT}"
        lines = wrap(f"{text} are needed. Make it larger, or press q.", max(1, width))
        return Frame(instead=[pieces(width, (line, Tone.PLAIN)) for line in lines])
    snapshot = scene.snapshot
    counts: Mapping[RunState, int] = {} if snapshot is None else snapshot.counts
    place = "every project" if scene.folder is None else scene.folder
    note = f"filter: {' '.join(scene.words)}" if scene.words else ""
    columns = None if _is_empty(scene) else _columns(scene, width, height - _LINES_AROUND)
    return Frame(
        header=[header_line(place, counts, width, note)],
        columns=columns,
        instead=_instead(scene, width) if columns is None else (),
        below=_below(scene, width),
        keys=[key_line(KEYS, width)],
    )


def _below(scene: Scene, width: int) -> list[Line]:
    """Return the selected run and the message; a long message takes the run's place."""
    text, tone = scene.message
    said = wrap(text, width - 2)[:LINES_BELOW]
    lines = [pieces(width, (fit(f" {line}", width), tone)) for line in said]
    details = detail_lines(scene.columns[scene.focus].run, width)
    return [*details, pieces(width)][: LINES_BELOW - len(lines)] + lines


def _is_empty(scene: Scene) -> bool:
    has_runs = any(column.page.runs for column in scene.columns)
    has_any = scene.snapshot is not None and bool(scene.snapshot.counts)
    return not (has_runs or has_any or scene.words)


def _instead(scene: Scene, width: int) -> list[Line]:
    if scene.snapshot is None:
        lines: Sequence[str] = ["Looking for runs …"]
    elif scene.snapshot.trouble:
        lines = ["", *wrap(scene.snapshot.trouble, width - 4)]
    else:
        lines = empty_lines(scene.folder)
    return [pieces(width), *(pieces(width, (f"  {line}", Tone.PLAIN)) for line in lines)]


def _columns(scene: Scene, width: int, height: int) -> list[list[Line]]:
    left_width = (width - 1) // 2
    return [
        column_lines(
            column,
            width=left_width if number == 0 else width - left_width - 1,
            height=height,
            now=scene.now,
            has_focus=number == scene.focus,
            with_folder=scene.folder is None,
        )
        for number, column in enumerate(scene.columns)
    ]
