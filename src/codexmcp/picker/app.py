"""The screen of the picker: shows snapshots of the source, and starts actions.

Owns the keys. Promises: no store, supervisor or run blocks the screen, because all requests run in
other threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from codexmcp.data_classes import dataclass
from codexmcp.errors import CodexMCPError
from codexmcp.picker.actions import Actions
from codexmcp.picker.columns import COMPLETED, NO_RUNS, RUNNING, Column
from codexmcp.picker.dialogs import Choice, Entry, Reader
from codexmcp.picker.frame import LINES_BELOW, Scene, frame, is_too_small, page_size
from codexmcp.picker.help import HELP
from codexmcp.picker.lines import Lines
from codexmcp.picker.rows import Tone
from codexmcp.picker.run_dialogs import RunAttached, RunDialogs, run_attached
from codexmcp.picker.source import Snapshot, Source, View, words_of
from codexmcp.picker.text import clean
from codexmcp.runs.run import Run
from codexmcp.worker_thread import Worker

if TYPE_CHECKING:
    from textual.events import Resize

WATCH_S = 1.0
MESSAGE_S = 8.0
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class PickerOptions:
    """Options of the picker.

    Attributes:
        folder: The folder of the runs; None for all folders.
        watch_s: Interval between reads, in seconds; None: reads only on demand.
    """

    folder: str | None
    watch_s: float | None = WATCH_S


class PickerApp(App[None]):
    """The picker.

    Args:
        source: The source of snapshots.
        actions: The actions on runs.
        options: Options of the picker.
        attach: Shows an attached thread, in the foreground of the terminal.
    """

    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    Screen > Lines { height: 1; }
    #columns { height: 1fr; }
    #running { width: 1fr; }
    #completed { width: 1fr; margin-left: 1; }
    #instead { height: 1fr; display: none; }
    #below { height: 3; }
    #filter {
        height: 1; border: none; padding: 0 1; display: none;
        background: ansi_default; color: ansi_default;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("left,h", "focus_column(0)", show=False),
        Binding("right,l", "focus_column(1)", show=False),
        Binding("tab", "other_column", show=False, priority=True),
        Binding("pageup", "turn(-1)", show=False),
        Binding("pagedown", "turn(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("enter", "act('attach')", show=False),
        Binding("slash", "filter", show=False),
        Binding("i", "act('interrupt')", show=False),
        Binding("a", "act('answer')", show=False),
        Binding("s", "act('steer')", show=False),
        Binding("c", "act('resume')", show=False),
        Binding("n", "start", show=False),
        Binding("y", "copy", show=False),
        Binding("v", "view", show=False),
        Binding("r", "reload", show=False),
        Binding("question_mark", "help", show=False),
        Binding("escape", "leave", show=False),
        Binding("q", "quit", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        source: Source,
        actions: Actions,
        options: PickerOptions,
        attach: RunAttached = run_attached,
    ) -> None:
        super().__init__(ansi_color=True)
        self._source = source
        self._actions = actions
        self._options = options
        self._run_dialogs = RunDialogs(self, actions, attach)
        self._columns = (Column("Running", RUNNING), Column("Completed", COMPLETED))
        self._focus = 0
        self._words: tuple[str, ...] = ()
        self._snapshot: Snapshot | None = None
        self._message: tuple[str, Tone, float] = ("", Tone.PLAIN, 0.0)
        self._reader = Worker("codex-runs-reader")
        self._wake = asyncio.Event()
        self._is_busy = False
        self._is_ready = False

    @property
    def column(self) -> Column:
        """The column with the focus of keys."""
        return self._columns[self._focus]

    def compose(self) -> ComposeResult:
        """Put the screen together."""
        yield Lines(id="header")
        with Horizontal(id="columns"):
            yield Lines(id="running")
            yield Lines(id="completed")
        yield Lines(id="instead")
        yield Lines(id="below")
        words = Input(id="filter", placeholder="words of title, id, state or folder", compact=True)
        words.can_focus = False
        yield words
        yield Lines(id="keys")

    def on_mount(self) -> None:
        """Start to watch; from now on a signal ends the picker and restores the terminal."""
        self._is_ready = True
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # The event loop of a test may run in another thread, where no signal arrives.
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, self.exit)
        self.run_worker(self._watch(), group="watch")

    def on_unmount(self) -> None:
        """Close the store and remove the signal handlers."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        self._reader.close(self._source.close)

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new size, and read pages of the new size."""
        self._wake.set()
        self.call_after_refresh(self._draw)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a temporary message."""
        self._message = (text, tone, time.monotonic() + MESSAGE_S)
        self._draw()

    async def choose(self, title: str, text: str, choices: Mapping[str, str]) -> str | None:
        """Wait for the key of a choice; return the key, or None after a cancel."""
        return await self.push_screen_wait(Choice(title, text, choices))

    async def enter(self, title: str, text: str) -> str | None:
        """Wait for a typed line; return the line, or None after a cancel."""
        return await self.push_screen_wait(Entry(title, text))

    def action_move(self, by: int) -> None:
        """Move the selection by a run."""
        self._after_key(self.column.move(by))

    def action_turn(self, by: int) -> None:
        """Turn the page."""
        self._after_key(self.column.turn(by))

    def action_edge(self, to: int) -> None:
        """Go to the first run of the column, or the last run of the page."""
        column = self.column
        if to < 0 and column.number > 1:
            column.restart()
            self._after_key(must_read=True)
        else:
            column.select(0 if to < 0 else len(column.page.runs) - 1)
            self._draw()

    def action_focus_column(self, index: int) -> None:
        """Move the focus to a column, unless only that column is empty."""
        if self._columns[index].page.runs or not self.column.page.runs:
            self._focus = index
        self._draw()

    def action_other_column(self) -> None:
        """Move the focus to the other column."""
        self.action_focus_column(1 - self._focus)

    def action_reload(self) -> None:
        """Read now."""
        self.say("")
        self._wake.set()

    def action_filter(self) -> None:
        """Ask for the words of the filter."""
        self._filter_input.can_focus = True
        self._show_filter(is_shown=True)
        self._filter_input.focus()

    def action_leave(self) -> None:
        """Leave the filter, else the program."""
        if self._words or self._filter_input.display:
            self._filter_input.value = ""
            self._leave_filter()
            self._set_words(())
        else:
            self.exit()

    def action_help(self) -> None:
        """Show the keys."""
        if len(self.screen_stack) == 1:
            self.push_screen(Reader("codex-runs: help", HELP.splitlines))

    def action_view(self) -> None:
        """Show the audit of the selected run."""
        run = self._selected()
        if run is not None:
            title = f"{run.title} ({run.id})"
            is_growing = not run.state.is_over
            read = partial(self._actions.audit, run.id)
            self.push_screen(Reader(title, read, is_growing=is_growing))

    def action_act(self, name: str) -> None:
        """Do something with the selected run: the method of `RunDialogs` with this name."""
        run = self._selected()
        if run is not None:
            self._begin(getattr(self._run_dialogs, name)(run))

    def action_start(self) -> None:
        """Start a run: in the folder of the list, or of the selected run, or here."""
        if len(self.screen_stack) > 1 or is_too_small(*self.size):
            return
        run = self._selected()
        folder = self._options.folder or (run.request.cwd if run else str(Path.cwd()))
        self._begin(self._run_dialogs.start(folder))

    def action_copy(self) -> None:
        """Copy the id of the selected run to the clipboard of the terminal."""
        run = self._selected()
        if run is not None:
            self.copy_to_clipboard(run.id)
            self.say(f"copied: {run.id}")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Apply the filter at each change."""
        self._set_words(words_of(event.value))

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        """Keep the filter and go back to the list."""
        self._leave_filter()

    def _begin(self, action: Coroutine[Any, Any, None]) -> None:
        if self._is_busy:
            action.close()
            return
        self._is_busy = True
        self.run_worker(self._done(action), group="act")

    async def _done(self, action: Coroutine[Any, Any, None]) -> None:
        try:
            await action
        except (CodexMCPError, OSError) as error:
            self.say(clean(str(error)), Tone.BAD)
        finally:
            self._is_busy = False
            self._wake.set()

    def _selected(self) -> Run | None:
        """Return the run for keys; None with a dialog over the list or a small terminal."""
        run = self.column.run
        if run is None or len(self.screen_stack) > 1 or is_too_small(*self.size):
            return None
        return run

    async def _watch(self) -> None:
        """Read and show snapshots until the end of the picker."""
        while True:
            view = self._view()
            snapshot = await self._reader.do(partial(self._source.read, view))
            if view == self._view():
                self._take(snapshot)
            else:
                # Outdated by a page turn, a filter or a resize.
                self._wake.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.watch_s):
                    await self._wake.wait()
            self._wake.clear()

    def _view(self) -> View:
        running, completed = self._columns
        return View(
            self._options.folder,
            self._words,
            page_size(self.size.height),
            running.cursor,
            completed.cursor,
        )

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot.trouble:
            # The last snapshot stays, because the store may come back.
            self.say(clean(snapshot.trouble), Tone.BAD)
        if snapshot.trouble and snapshot.has_store and self._snapshot is not None:
            self._draw()
            return
        self._snapshot = snapshot
        followed = self.column.selected
        for column, page in zip(self._columns, (snapshot.running, snapshot.completed), strict=True):
            if column.show(page):
                self._wake.set()
        self._follow(followed)
        self._draw()

    def _follow(self, run_id: str | None) -> None:
        """Keep the focus on the selected run, even in the other column."""
        other = self._columns[1 - self._focus]
        if run_id is not None and not self.column.holds(run_id) and other.holds(run_id):
            other.select([run.id for run in other.page.runs].index(run_id))
            self._focus = 1 - self._focus
        elif other.page.runs and self.column.page == NO_RUNS:
            self._focus = 1 - self._focus

    def _after_key(self, must_read: bool) -> None:  # noqa: FBT001 - the answer of a column
        if must_read:
            self._wake.set()
        self._draw()

    def _set_words(self, words: tuple[str, ...]) -> None:
        if words != self._words:
            self._words = words
            for column in self._columns:
                column.restart()
            self._wake.set()

    def _leave_filter(self) -> None:
        self._filter_input.blur()
        self._filter_input.can_focus = False
        self._show_filter(is_shown=False)

    def _show_filter(self, *, is_shown: bool) -> None:
        self._filter_input.display = is_shown
        # The filter takes a line of the messages.
        self._lines("below").styles.height = LINES_BELOW - is_shown
        self._draw()

    @property
    def _filter_input(self) -> Input:
        return self.screen_stack[0].query_one("#filter", Input)

    def _lines(self, name: str) -> Lines:
        return self.screen_stack[0].query_one(f"#{name}", Lines)

    def _draw(self) -> None:
        """Draw all parts; unchanged lines are not sent again."""
        # At the end of the app, the watcher may still call after the removal of the widgets.
        if not (self._is_ready and self.is_running):
            return
        text, tone, until = self._message
        message = (text, tone) if time.monotonic() < until else ("", Tone.PLAIN)
        scene = Scene(
            self._columns,
            self._focus,
            self._snapshot,
            self._options.folder,
            self._words,
            message,
            time.time(),
        )
        drawn = frame(scene, *self.size)
        self.screen_stack[0].query_one("#columns").display = drawn.columns is not None
        self._lines("instead").display = drawn.columns is None
        for name in ("header", "instead", "below", "keys"):
            self._lines(name).show(getattr(drawn, name))
        for name, lines in zip(("running", "completed"), drawn.columns or ((), ()), strict=True):
            self._lines(name).show(lines)
