"""The greeting: the first line on a connection to the supervisor, and the answer.

Pure. After the greeting the connection speaks MCP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from codexmcp.data_classes import dataclass
from codexmcp.errors import ConfigurationError, ExitCode, StructureError, UsageError
from codexmcp.jsonrpc import structure
from codexmcp.jsonvalues import integer_of, is_object, list_of, object_of, text_of

MAX_BYTES = 1024 * 1024
"""Bound on the length of a greeting."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A client at the connection.

    Attributes:
        arguments: The client's arguments of `codexmcp mcp-server`.
        cwd: The client's working directory.
        env: The environment for commands of runs, and the settings of runs.
        version: The client's version of codexmcp.
    """

    arguments: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    version: str

    def to_line(self) -> bytes:
        """Return the greeting as a line."""
        fields = {
            "codexmcp": self.version,
            "arguments": list(self.arguments),
            "cwd": self.cwd,
            "env": dict(self.env),
        }
        return json.dumps(fields).encode() + b"\n"


def read_hello(line: bytes) -> Hello:
    """Parse a greeting.

    Raises:
        UsageError: The line is no greeting.
    """
    try:
        structure.check(line, structure.REQUEST)
        fields = json.loads(line.decode())
    except (StructureError, ValueError, RecursionError):
        fields = None
    version = text_of(object_of(fields).get("codexmcp"))
    if not is_object(fields) or version is None:
        raise UsageError(
            "the first line is not a greeting; connect with `codexmcp mcp-server --shared`"
        )
    env = {name: value for name, value in object_of(fields.get("env")).items() if text_of(value)}
    arguments = [text_of(word) or "" for word in list_of(fields.get("arguments"))]
    return Hello(arguments, text_of(fields.get("cwd")) or "/", env, version)


def welcome(*, is_kept: bool) -> bytes:
    """Return the line to accept a client.

    Args:
        is_kept: A person or a service manager keeps the supervisor running, not the clients.
    """
    return b'{"ok":true,"kept":true}\n' if is_kept else b'{"ok":true}\n'


def refusal(error: Exception, exit_code: int) -> bytes:
    """Return the line to refuse a client."""
    return json.dumps({"error": str(error), "exit": exit_code}).encode() + b"\n"


def check_welcome(line: bytes) -> bool:
    """Check the answer to a greeting; return True for a kept supervisor, see `welcome`.

    Raises:
        UsageError: The client's arguments cannot be used.
        ConfigurationError: The supervisor refused the client for another reason.
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
