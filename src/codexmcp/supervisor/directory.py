"""The runs of a Codex home as anybody may look at them, and who works on them.

Owns the names of the home's files of runs, and the rule how a run stands whose owner died.
Promises to make no store where there is none, and to change no run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from codexmcp.errors import RunNotFoundError, StateError, StoreError
from codexmcp.home.config import default_home
from codexmcp.run_settings import read_run_settings
from codexmcp.runs import ownership
from codexmcp.runs.run import Run, is_run_id
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import ACTIVE, RunState
from codexmcp.runs.store import Owner, RunStore, Selection
from codexmcp.settings import Settings

STORE_NAME = "runs.sqlite3"
LOCKS_NAME = "owners"

OWNER_DIED = "its supervisor died; the run can be resumed"


def default_pointer_dir(home: Path) -> Path:
    """Return the folder of a home's store of runs, and of the index of all projects.

    Source: its name and its index are those of Codex MCP Sidecar.
    """
    return home / "mcp-wrapper"


def pointer_dir(settings: Settings, env: Mapping[str, str]) -> Path:
    """Return the folder of the store that the settings and the environment lead to.

    Raises:
        ConfigurationError: A setting for runs cannot be used.
    """
    given = read_run_settings(env).pointer_dir
    return given or default_pointer_dir(settings.codex_home or default_home())


class RunDirectory:
    """The runs of a Codex home, to be read.

    A store that is not there yet holds no runs; one that comes, goes or is replaced meanwhile is
    followed. Like a store it belongs to one thread.

    Args:
        folder: The folder of the store; see `pointer_dir`.
        open_store: Opens the store.
    """

    def __init__(self, folder: Path, open_store: Callable[[Path], RunStore] = SqliteStore) -> None:
        self.folder = folder
        self._open_store = open_store
        self._store: RunStore | None = None
        self._file: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def store_path(self) -> Path:
        """The file of the store."""
        return self.folder / STORE_NAME

    def exists(self) -> bool:
        """Return whether there is a store at all, be it one that cannot be read."""
        try:
            self.store_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def find(self, run_id: str) -> Run | None:
        """Return a run as it stands; None when there is none of that id.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        run = store.get(run_id) if store is not None and is_run_id(run_id) else None
        return None if run is None else self._standing(run, {})

    def get(self, run_id: str) -> Run:
        """Return a run as it stands.

        Raises:
            RunNotFoundError: There is none of that id.
            StoreError: The store cannot be read.
        """
        run = self.find(run_id)
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r} in {self.store_path}")
        return run

    def select(self, selection: Selection) -> list[Run]:
        """Return runs as they stand, the newest first; `states` are those they really have.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        if store is None:
            return []
        asked = _recorded(selection.states)
        found: list[Run] = []
        dead: dict[str, bool] = {}
        before, enough = selection.before, False
        while not enough:
            page = store.select(replace(selection, states=asked, before=before))
            standing = [self._standing(run, dead) for run in page]
            states = selection.states
            found += [run for run in standing if states is None or run.state in states]
            enough = len(page) < selection.limit or len(found) >= selection.limit
            before = page[-1].sequence if page else before
        return found[: selection.limit]

    def ids(self, prefix: str, limit: int) -> list[str]:
        """Return the ids of runs that begin with a text, the newest first; see `RunStore.ids`.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        return [] if store is None else store.ids(prefix, limit)

    def tally(self, cwd: str | None = None) -> dict[RunState, int]:
        """Return how many runs of a folder stand in each state, or of all.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        if store is None:
            return {}
        counts = dict(store.tally(cwd))
        for owner in store.owners():
            for run in store.owned(owner.id) if self._is_dead(owner.id) else ():
                if cwd in {None, run.request.cwd}:
                    counts[run.state] = counts.get(run.state, 0) - 1
                    counts[RunState.LOST] = counts.get(RunState.LOST, 0) + 1
        return {state: count for state, count in counts.items() if count > 0}

    def owners(self) -> list[Owner]:
        """Return the owners that live and can be reached, the newest first.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        known = [] if store is None else store.owners()
        return [owner for owner in reversed(known) if owner.socket and not self._is_dead(owner.id)]

    def owner_of(self, run: Run) -> Owner | None:
        """Return who can act on a run; None when nobody can who is there.

        That is its owner while somebody works on it, else whoever may work on runs of its group.

        Raises:
            StateError: Who works on it cannot be reached.
            StoreError: The store cannot be read.
        """
        owners = self.owners()
        if run.state.is_active:
            for owner in owners:
                if owner.id == run.owner:
                    return owner
            raise StateError(
                f"run {run.id} is worked on by an MCP server that keeps its runs to itself; only "
                "its own client can act on it"
            )
        return next((owner for owner in owners if owner.group == run.group), None)

    def close(self) -> None:
        """Let go of the store's files."""
        store, self._store, self._file = self._store, None, None
        if store is not None:
            with contextlib.suppress(StoreError):
                store.close()

    def _opened(self) -> RunStore | None:
        """Return the store that lies there now; None when there is none."""
        try:
            status = self.store_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            self.close()
            return None
        except OSError as error:
            self.close()
            raise StoreError(
                f"the store of runs {self.store_path} cannot be read ({error.strerror}): make its "
                "folder readable for this user"
            ) from error
        file = (status.st_dev, status.st_ino)
        if self._store is None or file != self._file:
            self.close()
            self._store, self._file = self._open_store(self.store_path), file
        return self._store

    def _standing(self, run: Run, dead: dict[str, bool]) -> Run:
        """Return a run as it stands: nobody works on one whose owner died."""
        if not run.state.is_active or run.owner is None:
            return run
        if run.owner not in dead:
            dead[run.owner] = self._is_dead(run.owner)
        return replace(run, state=RunState.LOST, reason=OWNER_DIED) if dead[run.owner] else run

    def _is_dead(self, owner_id: str) -> bool:
        return ownership.is_dead(self.folder / LOCKS_NAME, owner_id)


def _recorded(states: Collection[RunState] | None) -> Collection[RunState] | None:
    """Return the states that runs may have on record which stand in some states."""
    if states is None or RunState.LOST not in states:
        return states
    return {*states, *ACTIVE}
