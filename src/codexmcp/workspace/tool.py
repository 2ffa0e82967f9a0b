"""What a tool of the workspace is, for whoever offers it.

Pure. Must not import MCP or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """What a token may be good for."""

    READ = "read"
    WRITE = "write"
    GIT = "git"
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class WorkspaceTool:
    """A tool.

    Attributes:
        name: Its name in MCP.
        description: What it does, for a model: short.
        schema: JSON Schema of its arguments; closed (`additionalProperties: false`). Arguments are
            checked against it before `run` is called.
        scope: What a token must be good for to see and to call it.
        run: Does it. Its answer is a JSON object. It may run several times at once; blocking work
            belongs into a thread. Raises WorkspaceError for what the caller can mend.
        is_read_only: Whether it changes nothing.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    scope: Scope
    run: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
    is_read_only: bool = False
