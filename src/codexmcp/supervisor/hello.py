"""The first line on a connection to the supervisor, and its answer.

Pure. After it the connection speaks MCP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codexmcp.errors import ConfigurationError, ExitCode, UsageError
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of

MAX_BYTES = 1024 * 1024
"""Longest first line that is read."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who connects.

    Attributes:
        arguments: The arguments of `codexmcp mcp-server` that it was started with.
        cwd: Its working directory.
        env: What commands of its runs may see, and the settings for its runs.
        version: Its version of codexmcp.
    """

    arguments: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    version: str

    def to_line(self) -> bytes:
        """Return the line that says so."""
        fields = {
            "codexmcp": self.version,
            "arguments": list(self.arguments),
            "cwd": self.cwd,
            "env": dict(self.env),
        }
        return json.dumps(fields).encode() + b"\n"


def read_hello(line: bytes) -> Hello:
    """Return what a first line says.

    Raises:
        UsageError: It is none.
    """
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    version = text_of(object_of(fields).get("codexmcp"))
    if not is_object(fields) or version is None:
        raise UsageError(
            "the first line is no greeting; connect with `codexmcp mcp-server --shared`"
        )
    env = {name: value for name, value in object_of(fields.get("env")).items() if text_of(value)}
    arguments = [text_of(word) or "" for word in list_of(fields.get("arguments"))]
    return Hello(arguments, text_of(fields.get("cwd")) or "/", env, version)


def welcome(*, is_kept: bool) -> bytes:
    """Return the line that takes a client in.

    Args:
        is_kept: Whether somebody other than clients keeps the supervisor running.
    """
    return b'{"ok":true,"kept":true}\n' if is_kept else b'{"ok":true}\n'


def refusal(error: Exception, exit_code: int) -> bytes:
    """Return the line that turns a client away."""
    return json.dumps({"error": str(error), "exit": exit_code}).encode() + b"\n"


def check_welcome(line: bytes) -> bool:
    """Read the answer to a greeting; return whether the supervisor is kept, see `welcome`.

    Raises:
        UsageError: The client's arguments cannot be used.
        ConfigurationError: It was turned away for another reason.
    """
    try:
        fields = object_of(json.loads(line))
    except ValueError:
        fields = {}
    if fields.get("ok") is True:
        return fields.get("kept") is True
    text = text_of(fields.get("error")) or "the supervisor gave no answer that can be read"
    is_usage = integer_of(fields.get("exit")) == ExitCode.USAGE
    raise UsageError(text) if is_usage else ConfigurationError(text)
