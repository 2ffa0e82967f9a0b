"""Reads what the screen shows off the store: a page a column, and counts.

Promises to load no more than a page, or what a search may look at in one go. Belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from codexmcp.errors import CodexMCPError
from codexmcp.picker.columns import COMPLETED, FIRST, NO_RUNS, RUNNING, Cursor, Page
from codexmcp.picker.text import clean
from codexmcp.runs.run import Run
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Selection
from codexmcp.supervisor.directory import RunDirectory

MAX_SEARCHED = 2000
"""How many runs one search looks at; the next page goes on from there."""

_SEARCHED_AT_ONCE = 200

Select = Callable[[Selection], Sequence[Run]]


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at.

    Attributes:
        folder: Only runs of this folder; None for all.
        words: Only runs that these words are found in.
        size: How many runs a page holds.
        running: Where the page of those under way begins.
        completed: Where the page of those that are over begins.
    """

    folder: str | None = None
    words: tuple[str, ...] = ()
    size: int = 10
    running: Cursor = FIRST
    completed: Cursor = FIRST


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was there to see.

    Attributes:
        view: What was looked at.
        running: Runs under way.
        completed: Runs that are over.
        counts: How many there are in each state, whatever the words.
        has_store: Whether there is a store at all.
        trouble: Why nothing could be read; empty when it could.
    """

    view: View
    running: Page = NO_RUNS
    completed: Page = NO_RUNS
    counts: Mapping[RunState, int] = field(default_factory=dict[RunState, int])
    has_store: bool = True
    trouble: str = ""


class Source:
    """Reads a directory of runs.

    Args:
        directory: The runs.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._had_store = False

    def read(self, view: View) -> Snapshot:
        """Return what there is to see; a store that cannot be read is told as trouble."""
        directory = self._directory
        try:
            if not directory.exists():
                directory.close()
                return Snapshot(view, has_store=False, trouble=self._gone())
            self._had_store = True
            return Snapshot(
                view,
                read_page(directory.select, RUNNING, view.running, view),
                read_page(directory.select, COMPLETED, view.completed, view),
                directory.tally(view.folder),
            )
        except CodexMCPError as error:
            # Opened anew the next time: what lies there then may be another file.
            directory.close()
            return Snapshot(view, trouble=str(error))

    def close(self) -> None:
        """Let go of the store's files."""
        self._directory.close()

    def _gone(self) -> str:
        if not self._had_store:
            return ""
        path = self._directory.store_path
        return f"the store of runs {path} is gone; `codexmcp runs reindex` makes it anew"


def read_page(
    select: Select, groups: Sequence[Collection[RunState]], cursor: Cursor, view: View
) -> Page:
    """Return a page of runs.

    Args:
        select: Selects runs from the store.
        groups: States, by the order in which their runs come.
        cursor: Where the page begins.
        view: The folder, the words and the size of the page.
    """
    found: list[tuple[int, Run]] = []
    searched, before = 0, cursor.before
    limit = _SEARCHED_AT_ONCE if view.words else view.size + 1
    for group in range(cursor.group, len(groups)):
        more = True
        while more:
            runs = select(Selection(groups[group], view.folder, before, limit))
            for run in runs:
                if matches(run, view.words):
                    found.append((group, run))
                    if len(found) > view.size:
                        return _page(found[: view.size], is_last=False)
            searched += len(runs)
            more = len(runs) == limit
            before = runs[-1].sequence if more else None
            if view.words and more and searched >= MAX_SEARCHED:
                shown = tuple(run for _, run in found)
                return Page(shown, Cursor(group, before), searched)
    return _page(found, is_last=True)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a filter."""
    return tuple(text.casefold().split())


def matches(run: Run, words: Collection[str]) -> bool:
    """Return whether a run's title, id, state or folder holds each of some words."""
    if not words:
        return True
    state = run.state.replace("_", " ")
    fields = (clean(run.title), run.id, run.state, state, clean(run.request.cwd))
    text = "\n".join(fields).casefold()
    return all(word in text for word in words)


def _page(found: Sequence[tuple[int, Run]], *, is_last: bool) -> Page:
    runs = tuple(run for _, run in found)
    if is_last or not found:
        return Page(runs)
    group, last = found[-1]
    return Page(runs, Cursor(group, last.sequence))
