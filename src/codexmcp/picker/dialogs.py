"""What lies over the list for a moment: a question, the help, the audit of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from codexmcp.errors import CodexMCPError
from codexmcp.picker.lines import Lines, Pager
from codexmcp.picker.rows import Tone, key_line, pieces
from codexmcp.picker.text import clean, fit, wrap
from codexmcp.picker.threads import in_thread

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Key, Resize

REFRESH_S = 2.0


class Choice(ModalScreen[str | None]):
    """A question that one key answers; Esc answers nothing.

    Args:
        title: What it is about.
        text: What is asked.
        choices: What each key means.
    """

    DEFAULT_CSS = """
    Choice { align: center middle; background: transparent; }
    Choice > VerticalScroll {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: solid ansi_default; background: ansi_default; padding: 0 1;
    }
    Choice Static { background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
    ]

    def __init__(self, title: str, text: str, choices: Mapping[str, str]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._choices = choices

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        words = Text(f"{clean(self._title)}\n\n", style="bold")
        words.append(f"{self._text}\n", style="not bold")
        for key, meaning in self._choices.items():
            words.append(f"\n {key} ", style="bold")
            words.append(f" {meaning}", style="not bold")
        with VerticalScroll():
            yield Static(words)

    def on_key(self, event: Key) -> None:
        """Answer with a key that stands for a choice."""
        if event.character in self._choices:
            event.stop()
            self.dismiss(event.character)

    def action_leave(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll a question that does not fit."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


class Reader(ModalScreen[None]):
    """A long text, which may grow while it is read.

    Args:
        title: What it is.
        read: Returns its clean lines; it may block.
        is_growing: Whether it is read again and again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "leave", show=False),
        Binding("r", "reread", show=False),
        Binding("space", "page_down", show=False),
    ]
    DEFAULT_CSS = """
    Reader { background: ansi_default; }
    Reader > Lines { height: 1; }
    """

    def __init__(
        self, title: str, read: Callable[[], Sequence[str]], *, is_growing: bool = False
    ) -> None:
        super().__init__()
        self._title = clean(title)
        self._read = read
        self._is_growing = is_growing
        self._lines: Sequence[str] = ("reading …",)
        # Kept, not looked up: a text that is read while the reader closes comes when they are gone.
        self._bar = Lines(id="reader-title")
        self._pager = Pager(id="reader-text")
        self._keys = Lines(id="reader-keys")

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield self._bar
        yield self._pager
        yield self._keys

    def on_mount(self) -> None:
        """Begin to read."""
        self._pager.focus()
        self.action_reread()
        if self._is_growing:
            self.set_interval(REFRESH_S, self.action_reread)

    def on_resize(self, _event: Resize) -> None:
        """Wrap the text to the new width."""
        self._show()

    def action_reread(self) -> None:
        """Read the text again."""
        self.run_worker(self._reread(), exclusive=True)

    def action_page_down(self) -> None:
        """Turn the page."""
        self._pager.action_page_down()

    def action_leave(self) -> None:
        """Go back to the list."""
        self.dismiss(None)

    async def _reread(self) -> None:
        try:
            self._lines = await in_thread(self._read)
        except (OSError, CodexMCPError) as error:
            self._lines = (clean(f"cannot be read: {error}"),)
        self._show()

    def _show(self) -> None:
        width = self.size.width
        bar = pieces(width, (fit(f" {self._title}", width), Tone.BAR))
        self._bar.show([bar])
        keys = [("q", "back"), ("↑↓ PgUp PgDn", "scroll"), ("r", "refresh")]
        self._keys.show([key_line(keys, width)])
        # One cell for the scroll bar, one at each side.
        room = max(10, width - 3)
        wrapped = [f" {piece}" for line in self._lines for piece in wrap(line, room)]
        self._pager.show(wrapped)
