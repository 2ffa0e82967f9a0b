"""The tools of the HTTP server: run tools and workspace tools, as a single list.

Owns the scope of each tool, and the validation of arguments before a call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import pydantic_core

from codexmcp.errors import UsageError
from codexmcp.jsonvalues import text_of
from codexmcp.policy.argument_check import ArgumentCheck
from codexmcp.server.tasks import Task, TaskSource, created
from codexmcp.workspace.tool import Scope, WorkspaceTool

Tell = Callable[[str], None]


class WireAnswer(Protocol):
    """The answer of a tool."""

    def to_wire(self) -> dict[str, Any]:
        """Return the result of `tools/call`."""
        ...


class TaskTools(Protocol):
    """Tools whose calls may become tasks; see `RunTools`."""

    @property
    def tasks(self) -> TaskSource:
        """The tasks of the tools."""
        ...

    def definitions(self) -> list[dict[str, Any]]:
        """Return the tools for `tools/list`."""
        ...

    def knows(self, name: object) -> bool:
        """Return whether a name is the name of a tool."""
        ...

    def makes_task(self, name: str) -> bool:
        """Return whether calls of a tool become tasks, for clients with tasks."""
        ...

    async def call(self, name: str, arguments: object, tell: Tell) -> WireAnswer:
        """Call a tool for a client without tasks."""
        ...

    async def task(self, name: str, arguments: object, tell: Tell) -> Task | WireAnswer | None:
        """Call a tool for a client with tasks; None if the call cannot be a task."""
        ...


class Toolbox:
    """All tools.

    Args:
        tools: The workspace tools.
        run_tools: The run tools, or None.
    """

    def __init__(self, tools: Sequence[WorkspaceTool], run_tools: TaskTools | None) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._checks = {tool.name: ArgumentCheck(tool.name, tool.schema) for tool in tools}
        self._run_tools = run_tools
        runs = [] if run_tools is None else run_tools.definitions()
        self._definitions = {
            **{tool.name: tool.definition() for tool in tools},
            **{each["name"]: each for each in runs},
        }

    def definitions(self, scopes: Collection[Scope]) -> list[dict[str, Any]]:
        """Return the tools of some scopes in the format of `tools/list`."""
        return [
            definition
            for name, definition in self._definitions.items()
            if self.scope_of(name) in scopes
        ]

    def names(self) -> list[str]:
        """Return the names of all tools."""
        return list(self._definitions)

    def scope_of(self, name: str) -> Scope | None:
        """Return the scope of a tool; None for an unknown tool."""
        if name in self._tools:
            return self._tools[name].scope
        return Scope.RUNS if name in self._definitions else None

    def schema_of(self, name: str) -> Mapping[str, Any] | None:
        """Return the schema of a tool's arguments; None for an unknown tool."""
        definition = self._definitions.get(name)
        return None if definition is None else definition["inputSchema"]

    @property
    def tasks(self) -> TaskSource | None:
        """The runs as tasks; None without run tools."""
        return None if self._run_tools is None else self._run_tools.tasks

    async def task(self, name: str, arguments: object, tell: Tell) -> dict[str, Any]:
        """Call a tool for a client with tasks: as `call`, or the created task."""
        if self._run_tools is None or not self._run_tools.makes_task(name):
            return await self.call(name, arguments, tell)
        made = await self._run_tools.task(name, arguments, tell)
        assert made is not None, "only calls of `codex` are left to their tool"
        return created(made) if isinstance(made, Task) else made.to_wire()

    async def call(self, name: str, arguments: object, tell: Tell) -> dict[str, Any]:
        """Call a tool, and return its result in MCP format.

        Args:
            name: The tool.
            arguments: The arguments.
            tell: Called with progress messages while the call waits.

        Raises:
            UsageError: Unknown tool.
            CodexMCPError: The call failed; the message is for the caller.
        """
        if name in self._tools:
            given = self._checks[name].checked(arguments)
            return _result(await self._tools[name].run(given))
        if self._run_tools is None or not self._run_tools.knows(name):
            raise UsageError(f"there is no tool {name[:80]!r}; see tools/list")
        return (await self._run_tools.call(name, arguments, tell)).to_wire()


def failure(message: str) -> dict[str, Any]:
    """Return the result of a failed tool."""
    return {"content": [{"type": "text", "text": message}], "isError": True}


def _result(fields: dict[str, Any]) -> dict[str, Any]:
    # A third of the standard library's time, and without blanks.
    text = pydantic_core.to_json(fields, inf_nan_mode="null").decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": fields}


def required_scope(
    method: str, params: Mapping[str, Any] | None, scope_of: Callable[[str], Scope | None]
) -> tuple[Scope, str] | None:
    """Return the scope required by a request, and its purpose; None if not required.

    Args:
        method: The method.
        params: The parameters.
        scope_of: Returns the scope of a tool; None for an unknown tool.
    """
    match method:
        case "tools/call":
            name = text_of((params or {}).get("name")) or ""
            scope = scope_of(name)
            return None if scope is None else (scope, name)
        case "resources/read":
            return Scope.READ, "reading"
        case _:
            return None
