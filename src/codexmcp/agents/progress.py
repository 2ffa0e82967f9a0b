"""Events of a run as a single kind of value, independent of their source.

Pure. The two sources are `codex/event` messages of an MCP server (ours or the removed server), and
the events of `codex exec --experimental-json`.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.appserver.events import without_shell
from codexmcp.data_classes import dataclass, field
from codexmcp.jsonvalues import list_of, object_of


class ProgressKind(StrEnum):
    """The subject of a step."""

    AGENT = "agent"
    TOOL = "tool"
    THREAD = "thread"
    COMMAND = "command"
    COMMAND_END = "command_end"
    FILE = "file"
    MESSAGE = "message"
    TOKENS = "tokens"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class AgentProgress:
    """A step.

    Attributes:
        kind: The subject.
        text: The text for a person.
        data: The fields for a program.
        failed: The step reports a failure.
    """

    kind: ProgressKind
    text: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    failed: bool = False


ShowStep = Callable[[AgentProgress], None]
"""Called with each step."""


def from_codex_event(msg: Mapping[str, Any]) -> list[AgentProgress]:
    """Return the steps of a `codex/event` message, often none."""
    match msg.get("type"):
        case "session_configured":
            return [_thread(str(msg.get("thread_id", "")), msg.get("model"))]
        case "exec_command_begin":
            return [_command(_joined(msg.get("command")))]
        case "exec_command_end":
            return [_command_end(_joined(msg.get("command")), msg.get("exit_code"))]
        case "patch_apply_end":
            failed = msg.get("success") is not True
            return [
                _file(path, str(object_of(change).get("type", "")), failed=failed)
                for path, change in object_of(msg.get("changes")).items()
            ]
        case "agent_message":
            return [AgentProgress(ProgressKind.MESSAGE, str(msg.get("message", "")))]
        case "token_count":
            return _tokens(object_of(object_of(msg.get("info")).get("total_token_usage")))
        case "stream_error" | "warning":
            return [_warning(msg.get("message"), msg.get("additional_details"))]
        case "error":
            return [_error(msg.get("message"))]
        case _:
            return []


def from_exec_event(event: Mapping[str, Any]) -> list[AgentProgress]:
    """Return the steps of an event of `codex exec`, often none."""
    match event.get("type"):
        case "thread.started":
            return [_thread(str(event.get("thread_id", "")), None)]
        case "item.started":
            item = object_of(event.get("item"))
            started = item.get("type") == "command_execution"
            return [_command(str(item.get("command", "")))] if started else []
        case "item.completed":
            return _exec_item(object_of(event.get("item")))
        case "turn.completed":
            return _tokens(object_of(event.get("usage")))
        case "turn.failed":
            return [_error(object_of(event.get("error")).get("message"))]
        case "error":
            return [_warning(event.get("message"), None)]
        case _:
            return []


def _exec_item(item: Mapping[str, Any]) -> list[AgentProgress]:
    match item.get("type"):
        case "command_execution":
            return [_command_end(str(item.get("command", "")), item.get("exit_code"))]
        case "file_change":
            failed = item.get("status") != "completed"
            return [
                _file(str(change.get("path", "")), str(change.get("kind", "")), failed=failed)
                for change in map(object_of, list_of(item.get("changes")))
            ]
        case "agent_message":
            return [AgentProgress(ProgressKind.MESSAGE, str(item.get("text", "")))]
        case "error":
            return [_warning(item.get("message"), None)]
        case _:
            return []


def _thread(thread_id: str, model: object) -> AgentProgress:
    data = {"threadId": thread_id, **({"model": model} if model else {})}
    suffix = f" (model {model})" if model else ""
    return AgentProgress(ProgressKind.THREAD, f"{thread_id}{suffix}", data)


def _command(command: str) -> AgentProgress:
    return AgentProgress(ProgressKind.COMMAND, without_shell(command), {"command": command})


def _command_end(command: str, exit_code: object) -> AgentProgress:
    # Codex reports a command that did not start without an exit code, or with -1.
    started = isinstance(exit_code, int) and exit_code >= 0
    text = f"exit {exit_code}" if started else "could not be run"
    data = {"command": command, "exitCode": exit_code}
    return AgentProgress(ProgressKind.COMMAND_END, text, data, failed=exit_code != 0)


def _file(path: str, change: str, *, failed: bool) -> AgentProgress:
    text = f"{change} {path}" + (" (failed)" if failed else "")
    return AgentProgress(ProgressKind.FILE, text, {"path": path, "change": change}, failed=failed)


def _tokens(usage: Mapping[str, Any]) -> list[AgentProgress]:
    counts = {
        "inputTokens": usage.get("input_tokens"),
        "cachedInputTokens": usage.get("cached_input_tokens"),
        "outputTokens": usage.get("output_tokens"),
    }
    known = {name: count for name, count in counts.items() if isinstance(count, int)}
    if not any(known.values()):
        return []
    text = f"{known.get('inputTokens', 0):,} in, {known.get('outputTokens', 0):,} out"
    return [AgentProgress(ProgressKind.TOKENS, text, known)]


def _warning(message: object, details: object) -> AgentProgress:
    text = plain_error(str(message or ""))
    return AgentProgress(ProgressKind.WARNING, f"{text}: {details}" if details else text)


def _error(message: object) -> AgentProgress:
    return AgentProgress(
        ProgressKind.ERROR, plain_error(str(message or "the turn failed")), failed=True
    )


def plain_error(text: str) -> str:
    """Return an error's message if the text is the JSON body of an endpoint's answer.

    Source: Codex gives the raw body of an HTTP 400 as its error.
    """
    try:
        body = json.loads(text)
    except ValueError:
        return text
    message = object_of(object_of(body).get("error")).get("message")
    return message if isinstance(message, str) else text


def exec_failure(text: str) -> str:
    """Return the reason of a failed `codex exec` call, without the SDK's additions.

    Source: openai-agents 0.24.0.
    """
    text = text.removeprefix("Codex turn failed: ")
    if match := _EXITED.match(text):
        code, said = int(match[1]), match[2].strip()
        with contextlib.suppress(ValueError):
            how = f"was ended by {signal.Signals(-code).name}"
            return f"Codex {how}: {said}" if said else f"Codex {how}"
        return said or f"Codex exited with code {code}"
    return plain_error(text)


_EXITED = re.compile(r"Codex exec exited with code (-?\d+): ?(.*)", re.DOTALL)


def _joined(command: object) -> str:
    words = list_of(command)
    return shlex.join(map(str, words)) if words else str(command or "")
