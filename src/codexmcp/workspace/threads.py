"""Thread pools for work at risk of a hanging file system.

Guarantees: no kind of work can take the threads of another; a call that waits while all threads of
its kind hang gets an error; and no thread delays the end of the process for long. A call costs 10
µs less than `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, ParamSpec, TypeVar

from codexmcp.errors import WorkspaceError

STALLED_S = 10.0
"""Work beyond this time counts as stalled."""

_FAREWELL_S = 2.0
"""Bound on the wait for running work, such as file writes, at the end of the process."""

_IDLE = float("inf")

_REFUSED = object()
"""The result of a job without a thread."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class WorkerThreads:
    """A pool for a single kind of work; threads start on demand.

    Args:
        what: The kind of work, for messages.
        most: Bound on the threads.
    """

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self.most = most
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        # The start time of each thread's current job.
        self._began: list[float] = []
        # Only its length is used: the loop adds and threads remove concurrently.
        self._under_way: set[_Job] = set()

    async def run(
        self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Return the result of a function, or raise its exception.

        A cancelled caller stops waiting; running work continues.

        Raises:
            WorkspaceError: All threads are stalled, and the work has not started.
        """
        must_wait = len(self._under_way) >= self.most
        if must_wait and self._left_s() < 0:
            raise self._held_up()
        job = _Job(lambda: work(*args, **kwargs))
        if len(self._began) < min(len(self._under_way) + 1, self.most):
            self._start_thread()
        self._under_way.add(job)
        self._jobs.put(job)
        try:
            if must_wait:
                self._look_after(job)
            result: Result = await job.future
            if result is _REFUSED:
                raise self._held_up()
            return result
        finally:
            if must_wait:
                job.withdraw()
            # An error references this frame, and through the job would reference itself.
            del job

    @contextlib.asynccontextmanager
    async def opened(
        self, context: contextlib.AbstractContextManager[Result]
    ) -> AsyncGenerator[Result]:
        """Enter a context in a thread, and always leave it at the end.

        Raises:
            WorkspaceError: All threads are stalled.
        """
        entering = asyncio.ensure_future(self.run(context.__enter__))
        try:
            value = await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(lambda entered: _leave(context, entered))
            raise
        with contextlib.ExitStack() as entered:
            entered.push(context)
            yield value

    def _look_after(self, job: _Job) -> None:
        """Refuse a job once all threads are stalled, unless a thread takes it first."""
        if not job.is_waiting:
            return
        left_s = self._left_s()
        if left_s >= 0:
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(left_s, self._look_after, job)
        # A thread may take the job at this moment; its result then counts.
        elif job.take() is not None:
            # Without the error itself, which would keep its frames alive in the queue.
            job.future.set_result(_REFUSED)

    def _left_s(self) -> float:
        """Return the seconds until all threads count as stalled without progress."""
        now = time.monotonic()
        return min(max(self._began), now) + STALLED_S - now

    def _held_up(self) -> WorkspaceError:
        return WorkspaceError(
            f"{self.most} calls for {self._what} have waited for a file system for more than "
            f"{STALLED_S:g} s, and no more are accepted; look for the cause, "
            "such as a server of network folders"
        )

    def _start_thread(self) -> None:
        number = len(self._began)
        if not number:
            _used.append(self)
        self._began.append(_IDLE)
        # Daemon: a thread stalled by a file system never ends.
        thread = threading.Thread(target=self._work, args=(number,), name=self._what, daemon=True)
        try:
            thread.start()
        except BaseException:
            self._began.pop()
            raise

    def _work(self, number: int) -> None:
        while True:
            job = self._jobs.get()
            self._began[number] = time.monotonic()
            work = job.take()
            outcome = None if work is None else _outcome(work)
            # The thread is free before the result is delivered.
            self._began[number] = _IDLE
            self._under_way.discard(job)
            if outcome is not None:
                job.settle(*outcome)
            # Otherwise they would stay alive until the next job.
            del job, work, outcome

    @property
    def is_at_work(self) -> bool:
        """True with running or waiting work."""
        return bool(self._under_way)


_used: list[WorkerThreads] = []


@atexit.register
def _part() -> None:
    """Wait for all pools together, since process managers bound the time of a stop."""
    end = time.monotonic() + _FAREWELL_S
    while any(each.is_at_work for each in _used) and time.monotonic() < end:
        time.sleep(0.01)


def _leave(context: contextlib.AbstractContextManager[Any], entered: asyncio.Future[Any]) -> None:
    """Leave a context abandoned by its caller."""
    if not entered.cancelled() and entered.exception() is None:
        context.__exit__(None, None, None)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Return the result of a function, and its exception."""
    try:
        return work(), None
    except StopIteration as error:
        # Futures refuse StopIteration. Python converts it the same way in coroutines.
        raised = RuntimeError("the function raised StopIteration")
        raised.__cause__ = error
        return None, raised
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        return None, error


class _Job:
    """A unit of work with its waiting caller."""

    __slots__ = ("_loop", "_work", "future", "timer")

    def __init__(self, work: Callable[[], Any]) -> None:
        # Taken by the first of two: a thread, or a caller withdrawing the job.
        self._work = [work]
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """True if neither started nor withdrawn."""
        return bool(self._work)

    def take(self) -> Callable[[], Any] | None:
        """Return the work, unless already taken or withdrawn."""
        try:
            work = self._work.pop()
        except IndexError:
            return None
        return None if self.future.cancelled() else work

    def withdraw(self) -> None:
        """Prevent the start of the work, and release it."""
        self.take()
        if self.timer is not None:
            self.timer.cancel()

    def settle(self, result: object, error: BaseException | None) -> None:
        """Deliver the result to the caller."""
        # The loop may be closed when no caller waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: object, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


FILES = WorkerThreads("files", 16)
SEARCHES = WorkerThreads("searches", 8)
GIT = WorkerThreads("git", 8)
PORTFOLIO = WorkerThreads("the portfolio", 4)
EXTENSION = WorkerThreads("the editor extension", 2)
