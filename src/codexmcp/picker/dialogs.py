"""Dialogs over the list: a question, the help, the audit of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from codexmcp.errors import CodexMCPError
from codexmcp.picker.lines import Lines, Pager
from codexmcp.picker.rows import Tone, key_line, pieces
from codexmcp.picker.text import clean, fit, wrap
from codexmcp.worker_thread import in_thread

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.events import Key, Resize

REFRESH_S = 2.0


class Choice(ModalScreen[str | None]):
    """A question with a key for each answer; Esc cancels.

    Args:
        title: The subject.
        text: The question.
        choices: The meaning of each key.
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
        """Answer with the key of a choice."""
        if event.character in self._choices:
            event.stop()
            self.dismiss(event.character)

    def action_leave(self) -> None:
        """Cancel the question."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Scroll a long question."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


class Entry(ModalScreen[str | None]):
    """An input of a line; Enter submits, Esc cancels.

    Args:
        title: The subject.
        text: The expected input.
    """

    DEFAULT_CSS = """
    Entry { align: center middle; background: transparent; }
    Entry > VerticalScroll {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: solid ansi_default; background: ansi_default; padding: 0 1;
    }
    Entry Static, Entry Input { background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Put the dialog together."""
        words = Text(f"{clean(self._title)}\n\n", style="bold")
        words.append(self._text, style="not bold")
        with VerticalScroll():
            yield Static(words)
            yield Input()

    def on_mount(self) -> None:
        """Focus the input."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep the text from the list, which would take it for a filter."""
        event.stop()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the typed line."""
        event.stop()
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Cancel the input."""
        self.dismiss(None)


class Reader(ModalScreen[None]):
    """A long text, optionally growing.

    Args:
        title: The subject.
        read: Returns the text as clean lines; may block.
        is_growing: Read the text again every `REFRESH_S`.
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
        # Attributes instead of queries: a text may arrive after the removal of the widgets.
        self._bar = Lines(id="reader-title")
        self._pager = Pager(id="reader-text")
        self._keys = Lines(id="reader-keys")

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield self._bar
        yield self._pager
        yield self._keys

    def on_mount(self) -> None:
        """Start to read."""
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
        # A cell for the scroll bar, and a cell at each side.
        room = max(10, width - 3)
        wrapped = [f" {piece}" for line in self._lines for piece in wrap(line, room)]
        self._pager.show(wrapped)
