"""The definition of a workspace tool, independent of its transport.

Pure. Must not import MCP or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass


class Scope(StrEnum):
    """The scope of a token."""

    READ = "read"
    WRITE = "write"
    GIT = "git"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class WorkspaceTool:
    """A tool.

    Attributes:
        name: The name in MCP.
        description: A short description for the model.
        schema: JSON Schema of the arguments; closed (`additionalProperties: false`). Arguments are
            checked against it before the call of `run`.
        scope: The scope required to see and call the tool.
        run: The implementation, with a JSON object as its answer. Concurrent calls are possible;
            blocking work must run in a thread. Raises WorkspaceError for errors that the caller can
            fix.
        is_read_only: The tool changes nothing.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    scope: Scope
    run: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
    is_read_only: bool = False
