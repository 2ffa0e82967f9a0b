"""The runs of a Codex home, read-only, and the owners of runs.

Owns the names of files for runs in the home, and the rule for the state of a run with a dead
owner. Promises: no store is made, and no run is changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from codexmcp.codex.config import default_home
from codexmcp.data_classes import replace
from codexmcp.errors import RunNotFoundError, StateError, StoreError
from codexmcp.run_settings import read_run_settings
from codexmcp.runs import ownership
from codexmcp.runs.run import Run, is_run_id
from codexmcp.runs.sqlite_store import SqliteStore
from codexmcp.runs.states import ACTIVE, RunState
from codexmcp.runs.store import BlockingStore, Owner, Selection
from codexmcp.settings import Settings
from codexmcp.supervisor.address import WRAPPER_NAME

STORE_NAME = "runs.sqlite3"
LOCKS_NAME = "owners"

OWNER_DIED = "its supervisor died; the next one settles it (`codexmcp serve`)"


def default_pointer_dir(home: Path) -> Path:
    """Return the folder of a home's store of runs, and of the index of all projects.

    Source: the index has the format of Codex MCP Sidecar.
    """
    return home / WRAPPER_NAME


def pointer_dir(settings: Settings, env: Mapping[str, str]) -> Path:
    """Return the folder of the store according to settings and environment.

    Raises:
        ConfigurationError: A setting for runs cannot be used.
    """
    given = read_run_settings(env).pointer_dir
    return given or default_pointer_dir(settings.codex_home or default_home())


class RunDirectory:
    """The runs of a Codex home, read-only.

    A missing store holds no runs. The directory follows a new, deleted or replaced store. For use
    in a single thread, like a store.

    Args:
        folder: The folder of the store; see `pointer_dir`.
        open_store: Opens the store.
    """

    def __init__(
        self, folder: Path, open_store: Callable[[Path], BlockingStore] = SqliteStore
    ) -> None:
        self.folder = folder
        self._open_store = open_store
        self._store: BlockingStore | None = None
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
        """Return True for an existing store, readable or not."""
        try:
            self.store_path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def find(self, run_id: str) -> Run | None:
        """Return a run with its real state; None for an unknown id.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        run = store.get(run_id) if store is not None and is_run_id(run_id) else None
        return None if run is None else self._standing(run, {})

    def get(self, run_id: str) -> Run:
        """Return a run with its real state.

        Raises:
            RunNotFoundError: The id is unknown.
            StoreError: The store cannot be read.
        """
        run = self.find(run_id)
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r} in {self.store_path}")
        return run

    def select(self, selection: Selection) -> list[Run]:
        """Return runs with their real states, the newest first; `states` selects by real state.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        if store is None:
            return []
        asked = _recorded(selection.states)
        found: list[Run] = []
        dead: dict[str, bool] = {}
        following, enough = replace(selection, states=asked), False
        while not enough:
            page = store.select(following)
            standing = [self._standing(run, dead) for run in page]
            states = selection.states
            found += [run for run in standing if states is None or run.state in states]
            enough = len(page) < selection.limit or len(found) >= selection.limit
            following = following.following(page[-1]) if page else following
        return found[: selection.limit]

    def ids(self, prefix: str, limit: int) -> list[str]:
        """Return ids of runs with a prefix, the newest first; see `BlockingStore.ids`.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        return [] if store is None else store.ids(prefix, limit)

    def tally(self, cwd: str | None = None) -> dict[RunState, int]:
        """Return the number of runs in each real state, of a folder or of all folders.

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
        """Return the living owners with a socket, the newest first.

        Raises:
            StoreError: The store cannot be read.
        """
        store = self._opened()
        known = [] if store is None else store.owners()
        return [owner for owner in reversed(known) if owner.socket and not self._is_dead(owner.id)]

    def owner_of(self, run: Run) -> Owner | None:
        """Return the owner able to act on a run; None without a suitable living owner.

        For an active run, the owner of the run; otherwise the newest owner of the run's group.

        Raises:
            StateError: The owner of the active run has no socket.
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
        """Close the files of the store."""
        store, self._store, self._file = self._store, None, None
        if store is not None:
            with contextlib.suppress(StoreError):
                store.close()

    def _opened(self) -> BlockingStore | None:
        """Return the store at the path now; None without a store."""
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
        """Return a run with its real state: an active run with a dead owner is lost."""
        if not run.state.is_active or run.owner is None:
            return run
        if run.owner not in dead:
            dead[run.owner] = self._is_dead(run.owner)
        return replace(run, state=RunState.LOST, reason=OWNER_DIED) if dead[run.owner] else run

    def _is_dead(self, owner_id: str) -> bool:
        return ownership.is_dead(self.folder / LOCKS_NAME, owner_id)


def _recorded(states: Collection[RunState] | None) -> Collection[RunState] | None:
    """Return the recorded states of runs with some real states."""
    if states is None or RunState.LOST not in states:
        return states
    return {*states, *ACTIVE}
