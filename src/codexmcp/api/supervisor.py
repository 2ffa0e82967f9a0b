"""Requests of the API to a supervisor, and reads of the store of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import codexmcp
from codexmcp.api.surroundings import Access
from codexmcp.errors import RunErrorKind
from codexmcp.run_settings import client_environment
from codexmcp.runs.run import Run
from codexmcp.runs.store import Owner
from codexmcp.supervisor import methods
from codexmcp.supervisor.asking import ask, worded_refusals
from codexmcp.supervisor.attaching import connect_to
from codexmcp.supervisor.directory import RunDirectory, pointer_dir
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.joining import supervisor_address, supervisor_starter
from codexmcp.supervisor.start import connect

_T = TypeVar("_T")

REMEDIES: Mapping[RunErrorKind, str] = {
    RunErrorKind.NOT_FOUND: "`Runs.list` returns the runs of the home",
    RunErrorKind.NOT_IN_STORE: "take it into the store with `codexmcp runs reindex`",
    RunErrorKind.NO_THREAD: "start a new run",
    RunErrorKind.IN_CONTAINER: "continue it with `codexmcp runs resume --in-container`",
    RunErrorKind.OUTSIDE_CONTAINER: "continue it without a container",
    RunErrorKind.NO_TURN: "resume a finished run; for a waiting run, try again once it runs",
    RunErrorKind.OVER: "continue it with `resume`",
    RunErrorKind.WORKED_ON_ELSEWHERE: "use a client of the server of the run",
    RunErrorKind.STILL_STOPPING: "wait for its result",
    RunErrorKind.NO_RESULT: "wait for its result",
    RunErrorKind.DRAINING: "try again in a moment",
    RunErrorKind.NO_QUESTION: "`SupervisedRun.questions` returns the open ones",
    RunErrorKind.OTHER_POLICY: "start a run of your own",
}


class SupervisorAccess:
    """Access to the supervisor and the store of runs.

    Args:
        access: Access to Codex and the model.
    """

    def __init__(self, access: Access) -> None:
        found, env = access.resolved()
        endpoint = found.choices.endpoint
        words = [] if endpoint is None else ["--model-endpoint", endpoint]
        self._address = supervisor_address(found.settings, env, words)
        self._starter = supervisor_starter(found.settings, env, words)
        self._env = env
        self._hello = Hello([], str(Path.cwd()), client_environment(env), codexmcp.__version__)
        # A store is used by one thread only.
        self._thread = ThreadPoolExecutor(1, "codexmcp-runs")
        self._directory = RunDirectory(pointer_dir(found.settings, env))

    async def read(self, look: Callable[[RunDirectory], _T]) -> _T:
        """Read the store of runs.

        Raises:
            StoreError: The store cannot be read.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, look, self._directory)

    async def found(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            RunNotFoundError: The id is unknown.
        """
        return await self.read(lambda directory: directory.get(run_id))

    async def ask(
        self, method: str, params: Mapping[str, Any], owner: Owner | None = None
    ) -> dict[str, Any]:
        """Send a request to a supervisor, and return the answer.

        Args:
            method: The method.
            params: Its parameters.
            owner: The supervisor. None: the one of our credentials, started if needed.

        Raises:
            RunError: The supervisor refused.
            ConfigurationError: The supervisor cannot be started, or has ended.
        """
        return await asyncio.to_thread(self._asked, method, params, owner)

    async def join(self) -> None:
        """Start the supervisor of our credentials, if none runs."""
        await self.ask(methods.STATUS, {})

    async def close(self) -> None:
        """Close the store."""
        await self.read(lambda directory: directory.close())
        self._thread.shutdown()

    def _asked(self, method: str, params: Mapping[str, Any], owner: Owner | None) -> dict[str, Any]:
        ended = "the supervisor ended during the request; see `Runs.list`, then try again"
        with worded_refusals(REMEDIES, ended):
            if owner is None:
                connection = connect(self._address, self._hello, self._starter)
            else:
                connection = connect_to(owner, Path.cwd(), self._env)
            with connection:
                return ask(connection, method, params)
