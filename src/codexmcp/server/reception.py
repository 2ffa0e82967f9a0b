"""Answers to MCP requests without work; tool calls are elsewhere.

Pure. Used by a server, and by a relay before its supervisor has started, so the answers are equal.
Imports nothing heavy: the relay's client is waiting.

Source: `codex mcp-server` 0.153.4, except `instructions` and all about requests with an envelope.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from codexmcp.errors import RequestError
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import is_object, object_of
from codexmcp.server.envelope import (
    HANDSHAKE_VERSIONS,
    TASKS_EXTENSION,
    VERSIONS,
    cacheable,
    complete,
    envelope_of,
)
from codexmcp.server.tools import tool_definitions

CODEX_TOOLS = "codex"
RUN_TOOLS = "runs"

CACHE_S = 3600.0
"""Validity of answers to requests with an envelope: they depend on the flags of a server alone."""

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
        server_info: Name and version of the server.
        takes_questions: The client has announced support for elicitations in `initialize`.
    """

    def __init__(self, version: str, groups: Collection[str], *, strict: bool) -> None:
        self.server_info = {
            "name": "codex-mcp-server",
            "title": "Codex",
            "version": version,
        }
        self._groups = groups
        self._strict = strict
        self._is_initialized = False
        self.takes_questions = False

    def answer(self, method: str, params: messages.JsonObject) -> messages.JsonObject:
        """Return the result of a request.

        Raises:
            RequestError: The request is refused; so is every unknown method.
        """
        if not self._strict and envelope_of(method, params) is not None:
            return complete(self._answer_enveloped(method), self.server_info)
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
                raise _not_found(method)

    def _answer_enveloped(self, method: str) -> dict[str, Any]:
        match method:
            case "server/discover":
                return cacheable(self._discovered(), CACHE_S)
            case "tools/list":
                return cacheable({"tools": self._tools()}, CACHE_S)
            case method:
                raise _not_found(method)

    def _discovered(self) -> dict[str, Any]:
        capabilities: dict[str, Any] = {"tools": {}}
        if RUN_TOOLS in self._groups:
            capabilities["extensions"] = {TASKS_EXTENSION: {}}
        return {
            "supportedVersions": list(VERSIONS),
            "capabilities": capabilities,
            "instructions": self._instructions(),
        }

    def _initialize(self, params: messages.JsonObject) -> messages.JsonObject:
        if self._is_initialized:
            raise RequestError(
                "initialize", messages.INVALID_REQUEST, "initialize called more than once"
            )
        self._is_initialized = True
        self.takes_questions = "elicitation" in object_of(params.get("capabilities"))
        result: messages.JsonObject = {
            "protocolVersion": self._version_for(params["protocolVersion"]),
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": self.server_info,
        }
        return result if self._strict else result | {"instructions": self._instructions()}

    def _version_for(self, requested: str) -> str:
        """Return the version of a session: the requested version, or the latest of the handshake.

        Source: MCP 2025-11-25, basic/lifecycle. The removed server echoed any version.
        """
        is_known = self._strict or requested in HANDSHAKE_VERSIONS
        return requested if is_known else HANDSHAKE_VERSIONS[-1]

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


def _not_found(method: str) -> RequestError:
    return RequestError(
        method, messages.METHOD_NOT_FOUND, f"method not found: {method}", {"method": method}
    )


def _is_initialize(params: messages.JsonObject) -> bool:
    """Return whether the parameters are complete: the removed server knew no other `initialize`."""
    client = object_of(params.get("clientInfo"))
    texts = (params.get("protocolVersion"), client.get("name"), client.get("version"))
    return all(isinstance(text, str) for text in texts) and is_object(params.get("capabilities"))
