"""Threads for work that a file system may hold up, apart from those that anything else waits for.

Promises that one kind of work cannot take the threads of another; that who waits for a thread while
all of a kind are held up is told so; and that none of them holds up the end of the process for
long. A call costs 10 µs less than by `asyncio.to_thread`.
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
"""Work that takes longer counts as held up."""

_FAREWELL_S = 2.0
"""How long the end of the process waits for all that is under way, such as files being written."""

_IDLE = float("inf")

_REFUSED = object()
"""The result of what no thread came to."""

Given = ParamSpec("Given")
Result = TypeVar("Result")


class Threads:
    """Threads for one kind of work, started as they are needed.

    Args:
        what: What they do, for a message.
        most: How many there are at most.
    """

    def __init__(self, what: str, most: int) -> None:
        self._what = what
        self.most = most
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        # When each thread has begun with what it does.
        self._began: list[float] = []
        # Only counted, never gone through: the loop adds to it while any thread takes from it.
        self._under_way: set[_Job] = set()

    async def run(
        self, work: Callable[Given, Result], *args: Given.args, **kwargs: Given.kwargs
    ) -> Result:
        """Return what a function returns, or raise what it raises.

        Whoever is cancelled does not wait for it any longer; it goes on if it has begun.

        Raises:
            WorkspaceError: All threads are held up, and it has not begun.
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
            # An error knows this frame, and by the job it would know itself.
            del job

    @contextlib.asynccontextmanager
    async def opened(
        self, context: contextlib.AbstractContextManager[Result]
    ) -> AsyncGenerator[Result]:
        """Enter a context in a thread, and leave it at the end; never leave it entered.

        Raises:
            WorkspaceError: All threads are held up.
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
        """Refuse a job once all threads are held up, unless one takes it before."""
        if not job.is_waiting:
            return
        left_s = self._left_s()
        if left_s >= 0:
            loop = asyncio.get_running_loop()
            job.timer = loop.call_later(left_s, self._look_after, job)
        # A thread may come to it just now: then it is done, and that is to be told.
        elif job.take() is not None:
            # Not with the error itself: by it the job, which stays in the queue, would keep all.
            job.future.set_result(_REFUSED)

    def _left_s(self) -> float:
        """Return in how many seconds all count as held up if none goes on until then."""
        now = time.monotonic()
        return min(max(self._began), now) + STALLED_S - now

    def _held_up(self) -> WorkspaceError:
        return WorkspaceError(
            f"{self.most} calls for {self._what} have waited for a file system for more than "
            f"{STALLED_S:g} s, and no more are taken; see what it is that does not answer, "
            "such as a server of network folders"
        )

    def _start_thread(self) -> None:
        number = len(self._began)
        if not number:
            _used.append(self)
        self._began.append(_IDLE)
        # Nobody waits for its end: it has none while a file system holds it up.
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
            # Whoever is told what came of it finds this thread free.
            self._began[number] = _IDLE
            self._under_way.discard(job)
            if outcome is not None:
                job.settle(*outcome)
            # They would be kept until the next job comes.
            del job, work, outcome

    @property
    def is_at_work(self) -> bool:
        """Whether anything is under way or waits."""
        return bool(self._under_way)


_used: list[Threads] = []


@atexit.register
def _part() -> None:
    """Wait for all kinds together: those who stop us count the seconds."""
    end = time.monotonic() + _FAREWELL_S
    while any(each.is_at_work for each in _used) and time.monotonic() < end:
        time.sleep(0.01)


def _leave(context: contextlib.AbstractContextManager[Any], entered: asyncio.Future[Any]) -> None:
    """Leave a context that nobody waited for."""
    if not entered.cancelled() and entered.exception() is None:
        context.__exit__(None, None, None)


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Return what a function returns, and what it raises."""
    try:
        return work(), None
    except StopIteration as error:
        # A future takes none. Python itself makes this of one that leaves a coroutine.
        raised = RuntimeError("the function raised StopIteration")
        raised.__cause__ = error
        return None, raised
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
        return None, error


class _Job:
    """Something to do, and who waits for it."""

    __slots__ = ("_loop", "_work", "future", "timer")

    def __init__(self, work: Callable[[], Any]) -> None:
        # Whoever is first takes it out: a thread, or who does not wait for one any longer.
        self._work = [work]
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self._loop.create_future()
        self.timer: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it has neither begun nor been withdrawn."""
        return bool(self._work)

    def take(self) -> Callable[[], Any] | None:
        """Return what is to be done, unless it has been taken or nobody waits any more."""
        try:
            work = self._work.pop()
        except IndexError:
            return None
        return None if self.future.cancelled() else work

    def withdraw(self) -> None:
        """Keep it from being begun, and let go of it."""
        self.take()
        if self.timer is not None:
            self.timer.cancel()

    def settle(self, result: object, error: BaseException | None) -> None:
        """Tell whoever waits what came of it."""
        # The loop is gone when nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: object, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


FILES = Threads("files", 16)
SEARCHES = Threads("searches", 8)
GIT = Threads("git", 8)
PORTFOLIO = Threads("the portfolio", 4)
EXTENSION = Threads("the editor extension", 2)
