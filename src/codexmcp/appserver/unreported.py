"""Tool calls without items in Codex's events, reconstructed as items.

Pure. A command denied at once by the sandbox sometimes has no events; a patch that does not apply
and a script that throws never have events. Codex's log has their results (see `tool_log`), so
nothing is guessed from the text of a script.

Unknown: output beyond 2 KiB, the folder of a thread's first command, and the nested call that made
a script throw (a script counts as failed only if none of its calls failed). A Codex without this
log yields no reconstruction.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from codexmcp.appserver.events import (
    CommandExecution,
    ConnectionLost,
    Event,
    ItemCompleted,
    ItemStarted,
    TurnCompleted,
    parse_event,
)
from codexmcp.appserver.tool_log import ToolFinished, ToolResult
from codexmcp.jsonvalues import object_of, text_of

RECONSTRUCTED = "reconstructed"
"""Marker parameter of a reconstructed event."""

_COMMANDS = {"exec_command": "cmd", "shell_command": "command"}
"""Tools that run a command line, with the argument name. Source: 0.153.4 to 0.171.0."""

_FROM_THE_MODEL = frozenset({"agentMessage", "reasoning", "plan"})
_PATCH = "apply_patch"
_SCRIPT = "exec"
_REFUSALS = ("rejected by user", "approval policy is", "you cannot ask for escalated permissions")
_DEFAULT_SHELL = ("/bin/bash", "-lc")
_WRAPPED_WORDS = 3


class Unreported:
    """Follows the events of a thread, and adds missing events.

    Args:
        thread_id: The thread.
        cwd: The working directory; empty if unknown before the first command.
    """

    def __init__(self, thread_id: str, cwd: str = "") -> None:
        self._thread_id = thread_id
        self._cwd = cwd
        self._shell = _DEFAULT_SHELL
        self._turn_id = ""
        self._told: set[str] = set()
        self._made: set[str] = set()
        # A result may be read before the events of the same call, which use another channel. The
        # events have arrived before the model's next output, which is also the place for missing
        # events: an item after the model's answer would turn the answer into a comment.
        self._results: list[ToolResult] = []
        self._failed_in_script = False

    def take(self, event: Event) -> list[Event]:
        """Return the events to deliver for an event: missing events, and the event itself."""
        match event:
            case ToolFinished(result=result):
                self._results.append(result)
                return []
            case ItemStarted():
                missing = self.rest() if event.item.type in _FROM_THE_MODEL else []
                return [*missing, *self._item(event)]
            case TurnCompleted() | ConnectionLost():
                return [*self.rest(), event]
            case _:
                if event.method == "turn/started":
                    self._turn_id = event.turn_id
                return [event]

    def rest(self) -> list[Event]:
        """Return the missing events so far, for an abandoned turn."""
        results, self._results = self._results, []
        return [event for result in results for event in self._events(result)]

    def _item(self, event: ItemStarted) -> list[Event]:
        item = event.item
        if item.id in self._made:
            return []
        self._told.add(item.id)
        if isinstance(item, CommandExecution) and not isinstance(event, ItemCompleted):
            self._cwd = text_of(item.raw.get("cwd")) or self._cwd
            words = _words(item.command)
            if len(words) == _WRAPPED_WORDS:
                self._shell = (words[0], words[1])
        return [event]

    def _events(self, result: ToolResult) -> list[Event]:
        exited = result.exit_code
        failed = not result.succeeded or exited not in {None, 0}
        if result.tool == _SCRIPT:
            explained, self._failed_in_script = self._failed_in_script, False
            failed = failed and not explained
        else:
            self._failed_in_script = self._failed_in_script or failed
        if result.call_id in self._told | self._made:
            return []
        item = self._make(result, failed=failed)
        if item is None:
            return []
        self._made.add(result.call_id)
        begun = {**item, "status": "inProgress", **_NOT_YET.get(item["type"], {})}
        began_ms = result.ended_ms - result.duration_ms
        return [
            self._event("item/started", begun, startedAtMs=began_ms),
            self._event("item/completed", item, completedAtMs=result.ended_ms),
        ]

    def _make(self, result: ToolResult, *, failed: bool) -> dict[str, Any] | None:
        """Return the item of a call; None for a call without an item, or without failure."""
        arguments = _arguments(result)
        if result.tool in _COMMANDS:
            line = text_of(arguments.get(_COMMANDS[result.tool])) or result.arguments
            return self._command([*self._shell, line], result, arguments, failed=failed)
        if result.tool == _SCRIPT and failed:
            return self._command([_SCRIPT, result.arguments], result, {}, failed=True)
        if result.tool == _PATCH and failed:
            return {
                "type": "fileChange",
                "id": result.call_id,
                "changes": _changes(result.arguments),
                "status": _status(result, failed=True),
            }
        return None

    def _command(
        self, words: list[str], result: ToolResult, arguments: Mapping[str, Any], *, failed: bool
    ) -> dict[str, Any]:
        line = words[-1]
        return {
            "type": "commandExecution",
            "id": result.call_id,
            "command": shlex.join(words),
            "cwd": text_of(arguments.get("workdir")) or self._cwd,
            "processId": None,
            "source": "unifiedExecStartup",
            "status": _status(result, failed=failed),
            "commandActions": [{"type": "unknown", "command": line}],
            "aggregatedOutput": result.printed or None,
            # Codex's value for a command that could not be started.
            "exitCode": -1 if failed and result.exit_code is None else result.exit_code,
            "durationMs": result.duration_ms,
        }

    def _event(self, method: str, item: Mapping[str, Any], **at_ms: int) -> Event:
        place = {"threadId": self._thread_id, "turnId": self._turn_id}
        return parse_event(method, {**place, "item": item, **at_ms, RECONSTRUCTED: True})


_NOT_YET: dict[str, dict[str, Any]] = {
    "commandExecution": {"aggregatedOutput": None, "exitCode": None, "durationMs": None}
}
_CHANGES = {"*** Add File: ": "add", "*** Update File: ": "update", "*** Delete File: ": "delete"}


def _arguments(result: ToolResult) -> dict[str, Any]:
    try:
        return object_of(json.loads(result.arguments))
    except ValueError:
        return {}


def _status(result: ToolResult, *, failed: bool) -> str:
    if not failed:
        return "completed"
    refused = not result.succeeded and any(words in result.output for words in _REFUSALS)
    return "declined" if refused else "failed"


def _changes(patch: str) -> list[dict[str, Any]]:
    """Return the files in a patch."""
    return [
        {"path": line.removeprefix(mark), "kind": {"type": kind}, "diff": ""}
        for line in patch.splitlines()
        for mark, kind in _CHANGES.items()
        if line.startswith(mark)
    ]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
