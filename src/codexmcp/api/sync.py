"""The API for scripts without an event loop: `SyncCodex` runs `Codex` on a loop in a thread.

Promises: Ctrl-C interrupts the turn that is waited for, and the block ends everything.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from codexmcp.api.codex import Codex
from codexmcp.api.events import QuestionAsked, TurnEvent
from codexmcp.api.options import Options, Reply, TaskOptions
from codexmcp.api.results import Result
from codexmcp.api.stream import TurnStream

_T = TypeVar("_T")
_Door = TypeVar("_Door", bound=AbstractAsyncContextManager[object])


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Child processes die with the thread that started them, so it lives as long as they.
        self._thread = threading.Thread(target=self._serve, name="codexmcp", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end and return its result; Ctrl-C cancels it first.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, and the coroutine has ended.
        """
        ended = threading.Event()
        future = asyncio.run_coroutine_threadsafe(_noted(work, ended), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            # What the coroutine was doing is undone before anybody goes on.
            ended.wait()
            raise

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _noted(work: Coroutine[Any, Any, _T], ended: threading.Event) -> _T:
    try:
        return await work
    finally:
        ended.set()


class InThread(Generic[_Door]):
    """An asynchronous context manager, run on a loop in a thread; a context manager itself.

    Args:
        door: The asynchronous context manager.
    """

    def __init__(self, door: _Door) -> None:
        self._door = door
        self._thread: LoopThread | None = None

    def __enter__(self) -> Self:
        """Enter the block of the asynchronous context manager."""
        self._thread = LoopThread()
        try:
            self._thread.call(self._door.__aenter__())
        except BaseException:
            self._thread.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the block of the asynchronous context manager."""
        thread = self._running()
        try:
            thread.call(self._door.__aexit__(kind, error, trace))
        finally:
            thread.close()
            self._thread = None

    def _running(self) -> LoopThread:
        if self._thread is None:
            raise RuntimeError(f"use {type(self).__name__} in `with`: it runs there")
        return self._thread


class SyncCodex(InThread[Codex]):
    """`Codex` for scripts. A context manager; takes the same arguments.

    Args:
        home: See `Codex`.
        api_key: See `Codex`.
        base_url: See `Codex`.
        endpoint: See `Codex`.
        env: See `Codex`.
        options: See `Options`.
    """

    def __init__(
        self,
        *,
        home: str | Path | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        endpoint: str | None = None,
        env: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(
            Codex(
                home=home, api_key=api_key, base_url=base_url, endpoint=endpoint, env=env, **options
            )
        )

    def run(self, prompt: str, **options: Unpack[TaskOptions]) -> Result:
        """Do a task, and return what it came to; see `Codex.run`. Ctrl-C interrupts the turn."""
        return self._running().call(self._door.run(prompt, **options))

    def stream(self, prompt: str, **options: Unpack[TaskOptions]) -> SyncTurnStream:
        """Return a turn whose events can be followed, in a `with` block; see `Codex.stream`."""
        return SyncTurnStream(self._running(), self._door.stream(prompt, **options))


class SyncTurnStream:
    """A turn under way, for scripts; see `TurnStream`. Made by `SyncCodex.stream`."""

    def __init__(self, thread: LoopThread, stream: TurnStream) -> None:
        self._thread = thread
        self._stream = stream

    @property
    def thread_id(self) -> str | None:
        """The thread of the turn; None until it is loaded."""
        return self._stream.thread_id

    def __enter__(self) -> Self:
        self._thread.call(self._stream.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.call(self._stream.__aexit__(kind, error, trace))

    def __iter__(self) -> Iterator[TurnEvent]:
        while (event := self._thread.call(self._stream.next_event())) is not None:
            yield event
        self.result()

    def result(self) -> Result:
        """Wait for the end of the turn, and return what it came to; see `TurnStream.result`."""
        return self._thread.call(self._stream.result())

    def steer(self, prompt: str) -> None:
        """Add input to the turn while it works; see `TurnStream.steer`."""
        self._thread.call(self._stream.steer(prompt))

    def interrupt(self) -> None:
        """Stop the turn; see `TurnStream.interrupt`."""
        self._thread.call(self._stream.interrupt())

    def answer(self, question: QuestionAsked, reply: Reply) -> None:
        """Answer a question of the turn; see `TurnStream.answer`."""
        self._thread.call(self._stream.answer(question, reply))
