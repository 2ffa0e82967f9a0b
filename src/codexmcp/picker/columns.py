"""The model of a column of runs: its page, its selection, and where it goes by a key.

Pure. A page is found by the sequence of the run before it, so nothing is ever counted off.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from codexmcp.runs.run import Run
from codexmcp.runs.states import OVER, RunState

RUNNING: Sequence[Collection[RunState]] = (
    # Those that need a human first; a long queue must not hide those that work.
    frozenset({RunState.WAITING_FOR_APPROVAL}),
    frozenset({RunState.STARTING, RunState.RUNNING}),
    frozenset({RunState.QUEUED}),
)
COMPLETED: Sequence[Collection[RunState]] = (OVER,)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins.

    Attributes:
        group: Which of the column's groups of states.
        before: The run before it, by its sequence; None for the group's beginning.
    """

    group: int = 0
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Runs of a column.

    Attributes:
        runs: The runs.
        following: Where the next page begins; None when there is none.
        searched: How many runs were looked at when a search was broken off; 0 when it was not.
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
        title: What it is called.
        groups: The states of its runs, by the order in which they are shown.
        page: The page shown.
        selected: The selected run, by its id; None when there is none.
    """

    title: str
    groups: Sequence[Collection[RunState]]
    page: Page = NO_RUNS
    selected: str | None = None
    _cursors: list[Cursor] = field(default_factory=lambda: [FIRST])
    _index: int = 0

    @property
    def cursor(self) -> Cursor:
        """Where its page begins."""
        return self._cursors[-1]

    @property
    def number(self) -> int:
        """The page's number, from 1."""
        return len(self._cursors)

    @property
    def index(self) -> int:
        """The place of the selected run on the page."""
        return self._index

    @property
    def run(self) -> Run | None:
        """The selected run; None while another page is read."""
        runs = self.page.runs
        return runs[self._index] if self.selected is not None and runs else None

    def holds(self, run_id: str | None) -> bool:
        """Return whether a run is on the page."""
        return any(run.id == run_id for run in self.page.runs)

    def show(self, page: Page) -> bool:
        """Take a page that was read anew; return whether another one must be read instead.

        The selection stays with its run, else at its place.
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
        """Select the run at a place of the page, or the nearest one."""
        runs = self.page.runs
        self._index = max(0, min(index, len(runs) - 1))
        self.selected = runs[self._index].id if runs else None

    def move(self, by: int) -> bool:
        """Move the selection by one run; return whether another page must be read."""
        target = self._index + by
        if target < 0:
            turned = self.turn(-1)
            # The last one of that page, when it is there.
            self._index = -1 if turned else 0
            return turned
        if target >= len(self.page.runs):
            return self.turn(1)
        self.select(target)
        return False

    def turn(self, by: int) -> bool:
        """Turn to the next or the previous page; return whether there is one, to be read."""
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
        """Go back to the first page, which is to be read."""
        del self._cursors[1:]
        self._index, self.selected = 0, None
