"""The source of snapshots for the screen: a page of each column, and counts, from the store.

Promises to load at most a page, or the runs within the limit of a search. For use in a single
thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import CodexMCPError
from codexmcp.picker.columns import COMPLETED, FIRST, NO_RUNS, RUNNING, Cursor, Page
from codexmcp.picker.text import clean
from codexmcp.runs.run import Run
from codexmcp.runs.states import OVER, RunState
from codexmcp.runs.store import Selection, end_of
from codexmcp.supervisor.directory import RunDirectory

MAX_SEARCHED = 2000
"""Bound on the runs of a search; the next page continues the search."""

_SEARCHED_AT_ONCE = 200

Select = Callable[[Selection], Sequence[Run]]


@dataclass(frozen=True, slots=True)
class View:
    """A selection of runs.

    Attributes:
        folder: The folder of the runs; None for all folders.
        words: The filter: each run contains all words.
        size: Number of runs on a page.
        running: The beginning of the page of running runs.
        completed: The beginning of the page of completed runs.
    """

    folder: str | None = None
    words: tuple[str, ...] = ()
    size: int = 10
    running: Cursor = FIRST
    completed: Cursor = FIRST


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The result of a read.

    Attributes:
        view: The selection of the read.
        running: Runs not over yet, including queued runs.
        completed: Runs with an ending, of any kind.
        counts: Number of runs in each state, independent of the filter.
        has_store: False without a store.
        trouble: The reason of a failed read, such as a deleted store; otherwise empty.
    """

    view: View
    running: Page = NO_RUNS
    completed: Page = NO_RUNS
    counts: Mapping[RunState, int] = field(default_factory=dict[RunState, int])
    has_store: bool = True
    trouble: str = ""


class Source:
    """Reads snapshots from a directory of runs."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self._had_store = False

    def read(self, view: View) -> Snapshot:
        """Return a snapshot; with an unreadable store, a snapshot with `trouble`."""
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
            # Opened again at the next read, because the store may be another file then.
            directory.close()
            return Snapshot(view, trouble=str(error))

    def close(self) -> None:
        """Close the files of the store."""
        self._directory.close()

    def _gone(self) -> str:
        if not self._had_store:
            return ""
        path = self._directory.store_path
        return f"the store of runs {path} is gone; rebuild it with `codexmcp runs reindex`"


def read_page(
    select: Select, groups: Sequence[Collection[RunState]], cursor: Cursor, view: View
) -> Page:
    """Return a page of runs.

    Args:
        select: Selects runs from the store.
        groups: Groups of states, in display order.
        cursor: The beginning of the page.
        view: The folder, the filter and the size of the page.
    """
    found: list[tuple[int, Run]] = []
    searched, before, end_before = 0, cursor.before, cursor.end_before
    limit = _SEARCHED_AT_ONCE if view.words else view.size + 1
    for group in range(cursor.group, len(groups)):
        by_end = OVER.issuperset(groups[group])
        selection = Selection(
            groups[group], view.folder, before, limit, by_end=by_end, end_before=end_before
        )
        before = end_before = None
        more = True
        while more:
            runs = select(selection)
            for run in runs:
                if matches(run, view.words):
                    found.append((group, run))
                    if len(found) > view.size:
                        return _page(found[: view.size], is_last=False)
            searched += len(runs)
            more = len(runs) == limit
            selection = selection.following(runs[-1]) if more else selection
            if view.words and more and searched >= MAX_SEARCHED:
                shown = tuple(run for _, run in found)
                return Page(shown, _after(group, runs[-1]), searched)
    return _page(found, is_last=True)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a filter."""
    return tuple(text.casefold().split())


def matches(run: Run, words: Collection[str]) -> bool:
    """Return True if each word is in the title, id, state or folder of a run."""
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
    return Page(runs, _after(group, last))


def _after(group: int, last: Run) -> Cursor:
    return Cursor(group, last.sequence, end_of(last))
