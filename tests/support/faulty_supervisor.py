"""A program: `codexmcp`, whose store kills it or whose clock jumps, as its environment says.

DIE_AT=N kills it right after the N-th step that a store has written, counted from the first one
that DIE_FROM names; the progress of runs is not counted, because time decides when it is written.
FULL=FILE refuses to record that a run is running while a file exists. NO_TURN refuses to record the
ids of turns. CLOCK=FILE adds the seconds
in a file to the clock on the wall.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from codexmcp.cli import main as codexmcp
from codexmcp.errors import StoreError
from codexmcp.runs import sqlite_store
from codexmcp.runs.run import Claim, Run, Submission
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import RunState
from codexmcp.runs.store import Change, Limits, Owner

DIE_AT = "CODEXMCP_TEST_DIE_AT"
DIE_FROM = "CODEXMCP_TEST_DIE_FROM"
FULL = "CODEXMCP_TEST_FULL"
NO_TURN = "CODEXMCP_TEST_NO_TURN"
CLOCK = "CODEXMCP_TEST_CLOCK"

_T = TypeVar("_T")

_NOTHING = Change()

PROGRAM = [sys.executable, "-P", __file__]


def dying(at: int, since: str = "add_owner") -> dict[str, str]:
    """Return the environment that kills the process after a number of steps."""
    return {DIE_AT: str(at), DIE_FROM: since}


class DyingStore(SqliteStore):
    """A store whose process is killed right after a step was written."""

    _left = int(os.environ.get(DIE_AT, "0"))
    _since = os.environ.get(DIE_FROM, "")

    def add(self, submission: Submission) -> tuple[Run, bool]:
        return self._counted("add", super().add(submission))

    def claim(self, owner: str, group: str, limits: Limits, now: float) -> Run | None:
        run = super().claim(owner, group, limits, now)
        return None if run is None else self._counted("claim", run)

    def change(
        self, run_id: str, to: RunState, change: Change = _NOTHING, *, by: Claim | None = None
    ) -> Run:
        full = os.environ.get(FULL)
        if full and to is RunState.RUNNING and Path(full).exists():
            raise StoreError("the store is full for this test: delete the file")
        if NO_TURN in os.environ and change.turn_id is not None:
            raise StoreError("the store takes no turns in this test")
        return self._counted("change", super().change(run_id, to, change, by=by))

    def add_owner(self, owner: Owner) -> None:
        super().add_owner(owner)
        self._counted("add_owner", None)

    def delete_owner(self, owner_id: str) -> None:
        super().delete_owner(owner_id)
        self._counted("delete_owner", None)

    def _counted(self, name: str, result: _T) -> _T:
        if self._since in {name, ""}:
            DyingStore._since = ""
            DyingStore._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return result


def jumping(file: Path) -> Callable[[], float]:
    """Return a clock that is as far off as a file says."""
    right = time.time
    return lambda: right() + float(file.read_text())


def main(env: Mapping[str, str]) -> int:
    """Run `codexmcp` with the faults that the environment asks for."""
    if {DIE_AT, FULL, NO_TURN} & set(env):
        sqlite_store.SqliteStore = DyingStore  # type: ignore[misc]
    if CLOCK in env:
        time.time = jumping(Path(env[CLOCK]))
    # Its parts are imported when they are needed, and find what was replaced.
    return codexmcp()


if __name__ == "__main__":
    sys.exit(main(os.environ))
