"""Tool results from the log on Codex's stderr.

Pure, except for the calls of listeners. The log has every call, including nested calls of a script;
events and rollouts lack commands denied at once by the sandbox, and patches that do not apply
(https://github.com/openai/codex/issues/47433).

Source: measured on 0.153.4, 0.163.0 and 0.171.0. `codex_otel.log_only` has one entry with the field
`output` per result, written before the model gets the result; the item's id is the `call_id`, the
output is cut at 2 KiB, and the arguments are complete. The filter costs nothing for other entries.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
from collections.abc import Callable, Generator, Mapping
from typing import Any

from codexmcp.appserver.events import Event
from codexmcp.appserver.launch import LOG_TARGET
from codexmcp.data_classes import dataclass
from codexmcp.jsonvalues import is_object, object_of, text_of

_NAME = "codex.tool_result"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool call.

    Attributes:
        thread_id: The calling thread.
        call_id: Codex's id of the call, equal to the item's id, if any.
        tool: The tool, for example `exec_command`, `apply_patch`, or `exec` for a script.
        server: The tool's MCP server; empty for a tool of Codex.
        arguments: The model's arguments, as text.
        output: The output, cut at 2 KiB.
        succeeded: The call itself succeeded; a command's exit code does not count.
        duration_ms: Duration, in milliseconds.
        ended_ms: Unix time of the end, in milliseconds. 0: unknown.
    """

    thread_id: str
    call_id: str
    tool: str
    server: str
    arguments: str
    output: str
    succeeded: bool
    duration_ms: int
    ended_ms: int = 0

    @property
    def exit_code(self) -> int | None:
        """The exit code of a command. None: still running, or never started."""
        head, _ = self._parts()
        found = _EXITED.search(head)
        return int(found[1]) if found else None

    @property
    def printed(self) -> str:
        """The output of a command, or the reason of a failed start."""
        return self._parts()[1]

    def _parts(self) -> tuple[str, str]:
        head, mark, rest = self.output.partition("\nOutput:\n")
        return (head, rest) if mark and head.startswith(_HEAD) else ("", self.output)


class ToolFinished(Event):
    """The result of a thread's tool call. Created here, not by Codex."""

    __slots__ = ("result",)

    def __init__(self, result: ToolResult) -> None:
        super().__init__("tool/finished", {"threadId": result.thread_id})
        object.__setattr__(self, "result", result)

    result: ToolResult


class ToolLog:
    """Extracts tool results from a log and calls listeners."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[ToolFinished], None]] = []

    @contextlib.contextmanager
    def added(self, listener: Callable[[ToolFinished], None]) -> Generator[None, None, None]:
        """Call a listener with each result during the block; it must neither block nor raise."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def digest(self, line: str) -> str | None:
        """Handle a line of the log; return the line as text, or None for a tool result."""
        read = read_line(line)
        if isinstance(read, str):
            return read
        for listener in tuple(self._listeners):
            listener(ToolFinished(read))
        return None


def read_line(line: str) -> ToolResult | str:
    """Return the tool result in a line of stderr, or the line for people."""
    if not line.startswith('{"timestamp":'):
        return line
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not is_object(entry):
        return line
    fields = object_of(entry.get("fields"))
    if entry.get("target") == LOG_TARGET and fields.get("event.name") == _NAME:
        return _result(fields)
    return _plain(entry, fields)


def read_text(log: str) -> tuple[list[ToolResult], str]:
    """Return the tool results in a log without JSON, and the rest of the log.

    A command's output can look like an entry of the log, so a hostile command can add results.

    Args:
        log: The stderr of `codex exec`.
    """
    results: list[ToolResult] = []
    for entry in _ENTRY.finditer(log):
        arguments, output = _split(entry["body"])
        words = [word.partition("=") for word in entry["head"].split()]
        fields: dict[str, str] = {name: value for name, _, value in words}
        names = {"conversation.id": entry["thread"], "mcp_server": entry["server"]}
        results.append(_result({**fields, **names, "arguments": arguments, "output": output}))
    return results, _ENTRY.sub("", log)


def _split(body: str) -> tuple[str, str]:
    """Return the arguments and the output from the body of an entry without JSON."""
    end = 0
    with contextlib.suppress(ValueError):
        _, end = json.JSONDecoder().raw_decode(body)
    arguments, _, output = body[end:].partition(_OUTPUT)
    return body[:end] + arguments, output


_HEAD = "Chunk ID: "
"""Prefix of Codex's report to the model about an executed command."""

_OUTPUT = " output="
_ENTRY = re.compile(
    rf'^\S+Z +INFO [^\n]*?{re.escape(LOG_TARGET)}: event\.name="{re.escape(_NAME)}" (?P<head>.*?)'
    r" arguments=(?P<body>.*?) mcp_server=(?P<server>\S*) mcp_server_origin=\S*"
    r" event\.timestamp=\S+ conversation\.id=(?P<thread>\S+)[^\n]*\n?",
    re.MULTILINE | re.DOTALL,
)
_EXITED = re.compile(r"^Process exited with code (-?\d+)$", re.MULTILINE)


def _plain(entry: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """Return an entry in Codex's format without JSON and colours."""
    rest = {name: value for name, value in fields.items() if name != "message"}
    told = [str(fields["message"])] if "message" in fields else []
    told += [f"{name}={value}" for name, value in rest.items()]
    place = " ".join(str(entry.get(name, "")) for name in ("timestamp", "level", "target"))
    return f"{place}: {' '.join(' '.join(told).splitlines())}"


def _result(fields: Mapping[str, Any]) -> ToolResult:
    def text(name: str) -> str:
        return text_of(fields.get(name)) or ""

    duration = text("duration_ms")
    return ToolResult(
        thread_id=text("conversation.id"),
        call_id=text("call_id"),
        tool=text("tool_name"),
        server=text("mcp_server"),
        arguments=text("arguments"),
        output=text("output"),
        succeeded=text("success") == "true",
        duration_ms=int(duration) if duration.isdecimal() else 0,
        ended_ms=_milliseconds(text("event.timestamp")),
    )


def _milliseconds(timestamp: str) -> int:
    with contextlib.suppress(ValueError, OverflowError):
        return round(dt.datetime.fromisoformat(timestamp).timestamp() * 1000)
    return 0
