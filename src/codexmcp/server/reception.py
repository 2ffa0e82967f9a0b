"""Answers to MCP requests without work; tool calls are elsewhere.

Pure. Used by a server, and by a relay before its supervisor has started, so the answers are equal.
Imports nothing heavy: the relay's client is waiting.

Source: `codex mcp-server` 0.153.4, `instructions` excepted.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import is_object, object_of
from codexmcp.server.tools import tool_definitions

CODEX_TOOLS = "codex"
RUN_TOOLS = "runs"

LATEST_PROTOCOL_VERSION = "2025-06-18"
"""Protocol version for a client without a version in `initialize`."""

CODEX_INSTRUCTIONS = (
    "`codex` works on a task and answers when it is done; `codex-reply` continues that "
    "conversation by its threadId."
)
RUN_INSTRUCTIONS = (
    "`codex_run` starts a task in the background and returns a runId at once. `codex_wait` returns "
    "its result; on `still_running` call it again. For tasks side by side call codex_run for each, "
    "then codex_wait with run_ids. `codex_resume` gives a finished run a further prompt, "
    "`codex_steer` a running one. Runs outlive this session: `codex_runs` lists them."
)

_EMPTY_LISTS = {
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}


class Reception:
    """The reception of one client.

    Args:
        version: The version of the server, for `serverInfo`.
        groups: The offered groups of tools: `CODEX_TOOLS`, `RUN_TOOLS`.
        strict: Imitate the removed server exactly.

    Attributes:
        takes_questions: The client has announced support for elicitations.
    """

    def __init__(self, version: str, groups: Collection[str], *, strict: bool) -> None:
        self._version = version
        self._groups = groups
        self._strict = strict
        self._is_initialized = False
        self.takes_questions = False

    def answer(self, method: str, params: messages.JsonObject) -> object:
        """Return the result of a request.

        Raises:
            RequestError: The request is refused; so is every unknown method.
        """
        match method:
            case "initialize" if _is_initialize(params):
                return self._initialize(params)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": self._tools()}
            case method if method in _EMPTY_LISTS:
                return {_EMPTY_LISTS[method]: []}
            case method:
                raise RequestError(
                    method,
                    messages.METHOD_NOT_FOUND,
                    f"method not found: {method}",
                    {"method": method},
                )

    def _initialize(self, params: messages.JsonObject) -> messages.JsonObject:
        if self._is_initialized:
            raise RequestError(
                "initialize", messages.INVALID_REQUEST, "initialize called more than once"
            )
        self._is_initialized = True
        self.takes_questions = "elicitation" in object_of(params.get("capabilities"))
        result: messages.JsonObject = {
            "protocolVersion": params.get("protocolVersion", LATEST_PROTOCOL_VERSION),
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {
                "name": "codex-mcp-server",
                "title": "Codex",
                "version": self._version,
            },
        }
        return result if self._strict else result | {"instructions": self._instructions()}

    def _instructions(self) -> str:
        texts = {CODEX_TOOLS: CODEX_INSTRUCTIONS, RUN_TOOLS: RUN_INSTRUCTIONS}
        return " ".join(text for group, text in texts.items() if group in self._groups)

    def _tools(self) -> list[dict[str, Any]]:
        tools = tool_definitions(strict=self._strict) if CODEX_TOOLS in self._groups else []
        if RUN_TOOLS not in self._groups:
            return tools
        # Most servers offer no run tools, and a relay gets `tools/list` after `initialize`.
        from codexmcp.server.run_tools.definitions import (  # noqa: PLC0415 - 10 ms
            run_tool_definitions,
        )

        return tools + run_tool_definitions()


def _is_initialize(params: messages.JsonObject) -> bool:
    """Return whether the parameters are complete: the removed server knew no other `initialize`."""
    client = object_of(params.get("clientInfo"))
    texts = (params.get("protocolVersion"), client.get("name"), client.get("version"))
    return all(isinstance(text, str) for text in texts) and is_object(params.get("capabilities"))
