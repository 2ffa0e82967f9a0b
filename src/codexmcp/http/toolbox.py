"""The tools behind the door: those of runs and those of the workspace, as one list.

Owns which scope each needs, and that arguments fit before a tool sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pydantic_core

from codexmcp.errors import UsageError
from codexmcp.server.argument_check import ArgumentCheck
from codexmcp.server.run_tools.tools import RunTools
from codexmcp.workspace.tool import Scope, WorkspaceTool

READ_ONLY_RUN_TOOLS = frozenset(
    {
        "codex_wait",
        "codex_result",
        "codex_active_runs",
        "codex_runs",
        "codex_approvals",
        "codex_wrapper_check",
    }
)


class Toolbox:
    """All tools.

    Args:
        tools: Those of the workspace.
        run_tools: Those of runs; None leaves them out.
    """

    def __init__(self, tools: Sequence[WorkspaceTool], run_tools: RunTools | None) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._checks = {tool.name: ArgumentCheck(tool.name, tool.schema) for tool in tools}
        self._run_tools = run_tools
        runs = [] if run_tools is None else run_tools.definitions()
        self._definitions = {
            **{tool.name: _defined(tool) for tool in tools},
            **{each["name"]: _of_run(each) for each in runs},
        }

    def definitions(self, scopes: Collection[Scope]) -> list[dict[str, Any]]:
        """Return the tools of some scopes, as `tools/list` answers them."""
        return [
            definition
            for name, definition in self._definitions.items()
            if self.scope_of(name) in scopes
        ]

    def names(self) -> list[str]:
        """Return the names of all tools."""
        return list(self._definitions)

    def scope_of(self, name: str) -> Scope | None:
        """Return the scope that a tool needs; None when there is no such tool."""
        if name in self._tools:
            return self._tools[name].scope
        return Scope.RUNS if name in self._definitions else None

    def schema_of(self, name: str) -> Mapping[str, Any] | None:
        """Return the schema of a tool's arguments; None when there is no such tool."""
        definition = self._definitions.get(name)
        return None if definition is None else definition["inputSchema"]

    async def call(
        self, name: str, arguments: object, tell: Callable[[str], None]
    ) -> dict[str, Any]:
        """Call a tool, and return its result as MCP has it.

        Args:
            name: The tool.
            arguments: What it is called with.
            tell: Is told what goes on while the call waits.

        Raises:
            UsageError: There is no such tool.
            CodexMCPError: It cannot be done; the message is for the caller.
        """
        if name in self._tools:
            given = self._checks[name].checked(arguments)
            return _result(await self._tools[name].run(given))
        if self._run_tools is None or not self._run_tools.knows(name):
            raise UsageError(f"there is no tool {name[:80]!r}; tools/list tells which there are")
        return (await self._run_tools.call(name, arguments, tell)).to_wire()


def failure(message: str) -> dict[str, Any]:
    """Return the result of a tool that could not do what it was asked for."""
    return {"content": [{"type": "text", "text": message}], "isError": True}


def _result(fields: dict[str, Any]) -> dict[str, Any]:
    # A third of what the standard library takes, and without blanks.
    text = pydantic_core.to_json(fields, inf_nan_mode="null").decode()
    return {"content": [{"type": "text", "text": text}], "structuredContent": fields}


def _defined(tool: WorkspaceTool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": dict(tool.schema),
        "annotations": {"readOnlyHint": tool.is_read_only},
    }


def _of_run(definition: Mapping[str, Any]) -> dict[str, Any]:
    hint = {"readOnlyHint": definition["name"] in READ_ONLY_RUN_TOOLS}
    return {**definition, "annotations": hint}
