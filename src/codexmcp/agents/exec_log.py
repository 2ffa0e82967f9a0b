"""The stderr of `codex exec` in a file: tool results, and other output.

Commands without events of `codex exec` are found by comparison. Events and results have different
ids, so commands are compared by their text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codexmcp.agents.progress import AgentProgress, from_exec_event
from codexmcp.appserver.events import Event, ItemCompleted, without_shell
from codexmcp.appserver.tool_log import ToolFinished, ToolResult, read_text
from codexmcp.appserver.unreported import Unreported
from codexmcp.jsonvalues import object_of


class ExecLog:
    """The log of an agent's `codex exec` calls.

    Args:
        file: The log file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._start = 0
        self._words = ""
        self._reported: Counter[str] = Counter()

    def note(self, event: Mapping[str, Any]) -> None:
        """Process an event of the call."""
        item = object_of(event.get("item"))
        if event.get("type") == "item.completed" and item.get("type") == "command_execution":
            self._reported[without_shell(str(item.get("command", "")))] += 1

    def unreported(self) -> list[AgentProgress]:
        """Return the steps without events; call this when the model continues, or the call ends."""
        following = Unreported("")
        events: list[Event] = []
        for result in self._read():
            following.take(ToolFinished(result))
            events += following.rest()
        steps = [step for event in events for step in self._steps(event)]
        self._reported.clear()
        return steps

    def last_words(self) -> str:
        """Return the other output since the last call."""
        self._read()
        words, self._words = self._words.strip(), ""
        return words

    def _read(self) -> list[ToolResult]:
        """Return the new results."""
        try:
            with self.file.open("rb") as file:
                file.seek(self._start)
                text = file.read()
        except FileNotFoundError:
            return []
        self._start += len(text)
        results, words = read_text(text.decode(errors="replace"))
        self._words += words
        return results

    def _steps(self, event: Event) -> list[AgentProgress]:
        if not isinstance(event, ItemCompleted):
            return []
        item = event.item
        if item.type == "fileChange":
            changes = [
                {"path": change["path"], "kind": change["kind"]["type"]}
                for change in item.raw["changes"]
            ]
            told = {"type": "file_change", "changes": changes, "status": "failed"}
            return from_exec_event({"type": "item.completed", "item": told})
        command = str(item.raw.get("command", ""))
        if self._reported[without_shell(command)] > 0:
            self._reported[without_shell(command)] -= 1
            return []
        begun = {"type": "command_execution", "command": command}
        ended = {**begun, "exit_code": item.raw.get("exitCode")}
        return [
            *from_exec_event({"type": "item.started", "item": begun}),
            *from_exec_event({"type": "item.completed", "item": ended}),
        ]
