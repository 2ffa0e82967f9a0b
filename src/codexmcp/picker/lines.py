"""Lines of the screen as widgets; only changed lines are sent to the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from codexmcp.picker.rows import Line, Tone

# The terminal's own colours fit the background and take the fewest bytes. Marks and words show all
# important differences without colour.
STYLES: Mapping[Tone, Style] = {
    Tone.PLAIN: Style(),
    Tone.TITLE: Style(),
    Tone.FAINT: Style(dim=True),
    Tone.SELECTED: Style(reverse=True, bold=True),
    Tone.SELECTED_FAINT: Style(reverse=True),
    Tone.HEADING: Style(bold=True),
    Tone.WORKING: Style(color="cyan"),
    Tone.GOOD: Style(color="green"),
    Tone.BAD: Style(color="red"),
    Tone.ASKING: Style(color="yellow", bold=True),
    Tone.BAR: Style(reverse=True),
}


class Lines(Widget):
    """Lines, replaced as a whole; unchanged lines are not drawn again."""

    DEFAULT_CSS = "Lines { background: ansi_default; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines."""
        before, self.lines = self.lines, lines
        for y in range(max(len(before), len(lines))):
            if before[y : y + 1] != lines[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Return a line as Textual draws it."""
        line = self.lines[y] if y < len(self.lines) else ()
        return strip_of(line, self.size.width)


class Pager(ScrollView, can_focus=True):
    """A long, scrollable text; only visible lines are drawn."""

    DEFAULT_CSS = "Pager { background: ansi_default; scrollbar-size-vertical: 1; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.lines: Sequence[str] = ()

    def show(self, lines: Sequence[str]) -> None:
        """Replace the lines; the scroll position stays."""
        if lines != self.lines:
            self.lines = lines
            self.virtual_size = Size(1, len(lines))
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return a line as Textual draws it."""
        at = y + self.scroll_offset.y
        text = self.lines[at] if at < len(self.lines) else ""
        return strip_of(((text, Tone.PLAIN),), self.scrollable_content_region.width)


def strip_of(line: Line, width: int) -> Strip:
    """Return a line as Textual draws it."""
    segments = [Segment(text, STYLES[tone]) for text, tone in line]
    return Strip(segments).adjust_cell_length(width)
