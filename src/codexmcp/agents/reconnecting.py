"""Continue `codex_tool` calls where Codex itself continues.

Source: openai-agents 0.24.0 fails a call at the first `error` event, although Codex sends one per
reconnection attempt and continues. The real end of a turn is `turn.failed` or an exit code.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from agents.extensions.experimental.codex import (
    Codex,
    ErrorItem,
    Input,
    ItemCompletedEvent,
    Thread,
    ThreadErrorEvent,
    ThreadEvent,
    ThreadOptions,
    TurnOptions,
)
from agents.extensions.experimental.codex.thread import StreamedTurn


class ReconnectingCodex(Codex):
    """The SDK's Codex, with threads that convert `error` events into items."""

    def start_thread(self, options: ThreadOptions | Mapping[str, Any] | None = None) -> Thread:
        """Return a new thread."""
        return _ReconnectingThread(super().start_thread(options))

    def resume_thread(
        self, thread_id: str, options: ThreadOptions | Mapping[str, Any] | None = None
    ) -> Thread:
        """Return an existing thread."""
        return _ReconnectingThread(super().resume_thread(thread_id, options))


class _ReconnectingThread(Thread):
    """A proxy for a thread, without the thread's own state."""

    def __init__(self, thread: Thread) -> None:
        self._thread = thread

    @property
    def id(self) -> str | None:
        return self._thread.id

    async def run_streamed(
        self,
        input: Input,  # noqa: A002 - the SDK's name
        turn_options: TurnOptions | None = None,
    ) -> StreamedTurn:
        turn = await self._thread.run_streamed(input, turn_options)
        return StreamedTurn(_without_errors(turn.events))


async def _without_errors(
    events: AsyncGenerator[ThreadEvent, None],
) -> AsyncGenerator[ThreadEvent, None]:
    async with contextlib.aclosing(events):
        async for event in events:
            if isinstance(event, ThreadErrorEvent):
                yield ItemCompletedEvent(ErrorItem(id="", message=event.message))
            else:
                yield event
