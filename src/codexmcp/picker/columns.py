"""The model of a column of runs: page, selection, and moves by keys.

Pure. A cursor, the place of the run before a page, locates the page without counting. Runs that are
over are ordered by their end, all others by their submission.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from codexmcp.data_classes import dataclass, field
from codexmcp.runs.run import Run
from codexmcp.runs.states import OVER, RunState

RUNNING: Sequence[Collection[RunState]] = (
    # Runs with a question to a person first; a long queue must not hide working runs.
    frozenset({RunState.WAITING_FOR_APPROVAL}),
    frozenset({RunState.STARTING, RunState.RUNNING}),
    frozenset({RunState.QUEUED}),
)
COMPLETED: Sequence[Collection[RunState]] = (OVER,)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The beginning of a page.

    Attributes:
        group: Index of the column's group of states.
        before: Sequence of the run before the page; None for the beginning of the group.
        end_before: End of this run, in a group ordered by end.
    """

    group: int = 0
    before: int | None = None
    end_before: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Runs of a column.

    Attributes:
        runs: The runs.
        following: The beginning of the next page; None for the last page.
        searched: Number of runs in a search stopped by the limit; 0 for any other page.
    """

    runs: tuple[Run, ...] = ()
    following: Cursor | None = None
    searched: int = 0


FIRST = Cursor()
NO_RUNS = Page()


@dataclass
class Column:
    """A column of runs.

    Attributes:
        title: The name in the heading.
        groups: The states of runs in the column, in display order.
        page: The displayed page.
        selected: Id of the selected run; None without a selection.
    """

    title: str
    groups: Sequence[Collection[RunState]]
    page: Page = NO_RUNS
    selected: str | None = None
    _cursors: list[Cursor] = field(default_factory=lambda: [FIRST])
    _index: int = 0

    @property
    def cursor(self) -> Cursor:
        """The beginning of the page."""
        return self._cursors[-1]

    @property
    def number(self) -> int:
        """The number of the page, from 1."""
        return len(self._cursors)

    @property
    def index(self) -> int:
        """The index of the selected run on the page."""
        return self._index

    @property
    def run(self) -> Run | None:
        """The selected run; None during the read of another page."""
        runs = self.page.runs
        return runs[self._index] if self.selected is not None and runs else None

    def holds(self, run_id: str | None) -> bool:
        """Return True for a run on the page."""
        return any(run.id == run_id for run in self.page.runs)

    def show(self, page: Page) -> bool:
        """Show a new page; return True if another page must be read instead.

        The selection stays at the run, or at the index after the run has left the page.
        """
        self.page = page
        if not page.runs and not page.searched and self.number > 1:
            self._cursors.pop()
            self._index = -1
            return True
        ids = [run.id for run in page.runs]
        if self._index < 0:
            self.select(len(ids) - 1)
        elif self.selected in ids:
            self.select(ids.index(self.selected))
        else:
            self.select(self._index)
        return False

    def select(self, index: int) -> None:
        """Select the run at an index of the page, or the nearest run."""
        runs = self.page.runs
        self._index = max(0, min(index, len(runs) - 1))
        self.selected = runs[self._index].id if runs else None

    def move(self, by: int) -> bool:
        """Move the selection by a run; return True if another page must be read."""
        target = self._index + by
        if target < 0:
            turned = self.turn(-1)
            # The last run of the previous page, selected after the read.
            self._index = -1 if turned else 0
            return turned
        if target >= len(self.page.runs):
            return self.turn(1)
        self.select(target)
        return False

    def turn(self, by: int) -> bool:
        """Turn to the next or the previous page; return True if a page must be read."""
        if by > 0 and self.page.following is not None:
            self._cursors.append(self.page.following)
        elif by < 0 and self.number > 1:
            self._cursors.pop()
        else:
            self.select(len(self.page.runs) - 1 if by > 0 else 0)
            return False
        self._index, self.selected = 0, None
        return True

    def restart(self) -> None:
        """Go back to the first page; the caller must read the page."""
        del self._cursors[1:]
        self._index, self.selected = 0, None
