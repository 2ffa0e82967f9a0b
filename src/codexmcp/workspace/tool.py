"""The definition of a workspace tool, independent of its transport.

Pure. Must not import MCP or HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.mcp_tools import Hints, Schema, definition


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
        title: The name for people.
        answer: JSON Schema of the answers.
        hints: The annotations.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    scope: Scope
    run: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
    title: str
    answer: Schema
    hints: Hints

    def definition(self) -> dict[str, Any]:
        """Return the tool for `tools/list`."""
        return definition(
            self.name,
            self.title,
            self.description,
            arguments=self.schema,
            answer=self.answer,
            hints=self.hints,
        )
