"""Text for people from a line of a run's events. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from codexmcp import figures
from codexmcp.appserver.events import (
    AgentMessage,
    CommandExecution,
    ErrorReported,
    Event,
    FileChange,
    Item,
    ItemCompleted,
    ItemStarted,
    TurnCompleted,
    TurnStatus,
    without_shell,
)
from codexmcp.appserver.final_answer import EMPTY_ANSWER, FinalAnswer
from codexmcp.appserver.progress import has_failed, is_work, label, names_of
from codexmcp.cli.text import harmless, indented, one_line
from codexmcp.jsonvalues import integer_of, list_of, object_of, text_of
from codexmcp.runs.audit.reading import event_of, is_header

MAX_TAIL_LINES = 10
"""So much of the output of a command that failed is told."""

_WORDS = {
    "mcpToolCall": "tool",
    "dynamicToolCall": "tool",
    "functionCallOutput": "tool",
    "collabAgentToolCall": "agents",
    "subAgentActivity": "agent",
    "webSearch": "web search",
    "imageView": "image",
    "imageGeneration": "image",
    "contextCompaction": "context compacted",
    "enteredReviewMode": "review begins",
    "exitedReviewMode": "review ends",
}
_MARGIN = " " * 10


class Teller:
    """Tells lines one after the other, and leaves out what was told before."""

    def __init__(self) -> None:
        self._state = ("", "")
        self._prompt = ""
        self._started = ""
        self._answer = FinalAnswer()

    def tell(self, record: Mapping[str, Any]) -> str | None:
        """Return what a decoded line says, with its time; None for what is left out."""
        event = event_of(dict(record))
        agent = one_line(text_of(record.get("agent")) or "")
        told = list(self._told(record) if event is None else self._event(event, agent))
        if not told:
            return None
        told[0] = f"[{agent}] {told[0]}" if agent else told[0]
        first, *more = "\n".join(harmless(text) for text in told).split("\n")
        lines = [f"{_clock(record.get('at', record.get('createdAt')))}  {first}"]
        return "\n".join([*lines, *([indented("\n".join(more), _MARGIN)] if more else [])])

    def _told(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Yield what a line of our own says."""
        if is_header(dict(record)):
            self._prompt = (text_of(object_of(record.get("request")).get("prompt")) or "").strip()
            yield f"prompt: {self._prompt}"
        elif (state := text_of(record.get("state"))) is not None:
            reason = one_line(text_of(record.get("reason")) or "")
            if (state, reason) != self._state:
                self._state = (state, reason)
                yield f"* {state.replace('_', ' ')}" + (f": {reason}" if reason else "")
        elif "approval" in record:
            yield from _approval(record)
        elif (lost := integer_of(record.get("lost"))) is not None:
            yield f"! {lost} line(s) of this record could not be written"

    def _event(self, event: Event, agent: str) -> Iterator[str]:
        started, self._started = self._started, ""
        if not agent:
            self._answer = self._answer.after(event)
        match event:
            case ItemCompleted(item=item):
                yield from self._completed(item, was_last=started == item.id)
            case ItemStarted(item=CommandExecution() as command):
                self._started = command.id
                yield f"$ {_command_line(command)}"
            case ErrorReported(error=error):
                again = " (Codex tries again)" if error.will_retry else ""
                yield f"! {error.message}{again}"
            case TurnCompleted(status=TurnStatus.COMPLETED) if not agent:
                if not self._answer.text.strip():
                    yield f"! {EMPTY_ANSWER}"
            case _ if event.method == "connection/lost":
                yield f"! app-server is gone: {event.params.get('reason')}"
            case _:
                # It says nothing to people, so the command before it is the last told still.
                self._started = started

    def _completed(self, item: Item, *, was_last: bool) -> Iterator[str]:
        match item:
            case CommandExecution():
                yield from _ended(item, was_last=was_last)
            case FileChange():
                yield from _changes(item)
            case AgentMessage() if item.text.strip():
                yield f"codex: {item.text.strip()}"
            case _ if item.type == "userMessage":
                text = _user_text(item)
                if text and text != self._prompt:
                    yield f"message: {text}"
            case _ if is_work(item):
                details = one_line(label(item))
                word = one_line(_WORDS.get(item.type, item.type))
                failed = " (failed)" if has_failed(item) else ""
                yield f"{word}: {details}{failed}" if details else f"{word}{failed}"
            case _:
                pass


def _command_line(command: CommandExecution) -> str:
    return without_shell(command.command).strip()


def _ended(command: CommandExecution, *, was_last: bool) -> Iterator[str]:
    status = str(command.raw.get("status"))
    code = command.exit_code
    how = f"exit code {code}" if code is not None else status
    milliseconds = integer_of(command.raw.get("durationMs"))
    took = "" if milliseconds is None else f" after {figures.duration(milliseconds / 1000)}"
    which = "" if was_last else f": {one_line(_command_line(command))}"
    yield f"= {how}{took}{which}"
    if command.failed and command.output.strip():
        lines = command.output.strip().split("\n")
        left_out = len(lines) - MAX_TAIL_LINES
        yield from [f"... ({left_out} lines before)"] if left_out > 0 else []
        yield from lines[-MAX_TAIL_LINES:]


def _changes(item: FileChange) -> Iterator[str]:
    failed = f" {item.raw['status']}" if item.raw.get("status") in ("failed", "declined") else ""
    for edit in item.edits:
        yield f"file: {one_line(names_of(edit))} ({one_line(edit.kind)}{failed})"


def _approval(record: Mapping[str, Any]) -> Iterator[str]:
    question = object_of(record.get("approval"))
    text = one_line(text_of(question.get("text")) or text_of(question.get("kind")) or "")
    agent = one_line(text_of(question.get("agent")) or "")
    text = f"[{agent}] {text}" if agent else text
    decision, by = text_of(record.get("decision")), text_of(record.get("by"))
    if decision is None and not by:
        yield f"? {text}"
    else:
        yield f"? {decision or 'answered'} by {by or 'nobody'}: {text}"


def _user_text(item: Item) -> str:
    parts = (object_of(part).get("text") for part in list_of(item.raw.get("content")))
    return "\n".join(text for part in parts if (text := text_of(part))).strip()


def _clock(at: object) -> str:
    if isinstance(at, int | float) and not isinstance(at, bool):
        try:
            return time.strftime("%H:%M:%S", time.localtime(at))
        except (ValueError, OverflowError, OSError):
            pass
    return "--:--:--"
