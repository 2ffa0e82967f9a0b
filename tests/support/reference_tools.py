"""What a server of ours can have of the reference server that MCP's conformance suite expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codexmcp.errors import WorkspaceError
from codexmcp.http.mcp_app import Document
from codexmcp.mcp_tools import READS, TEXT, record
from codexmcp.workspace.tool import Scope, WorkspaceTool

_NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
_TEXTS = record({"text": TEXT})
_DIALECT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "address",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "allOf": [{"anyOf": [{"required": ["name"]}, {"required": ["address"]}, {}]}],
    "if": {"required": ["address"]},
    "then": {"required": ["name"]},
    "else": {},
    "additionalProperties": False,
}
_HEADER: dict[str, Any] = {
    "type": "object",
    "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
    "required": ["region"],
    "additionalProperties": False,
}


async def _answer(_arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": "This is a simple text response for testing."}


async def _fail(_arguments: Mapping[str, Any]) -> dict[str, Any]:
    raise WorkspaceError("This tool intentionally returns an error for testing")


def reference_tools() -> list[WorkspaceTool]:
    """Return the tools."""
    return [
        WorkspaceTool(name, "Answer.", schema, Scope.READ, run, name, _TEXTS, READS)
        for name, schema, run in (
            ("test_simple_text", _NOTHING, _answer),
            ("test_error_handling", _NOTHING, _fail),
            ("json_schema_2020_12_tool", _DIALECT, _answer),
            ("test_header", _HEADER, _answer),
        )
    ]


class ReferenceLibrary:
    """The resources of text."""

    _TEXTS: Mapping[str, tuple[str, str]] = {
        "test://static-text": (
            "text/plain",
            "This is the content of the static text resource.",
        ),
        "test://template/123/data": (
            "application/json",
            '{"id":"123","templateTest":true,"data":"Data for ID: 123"}',
        ),
    }

    async def documents(self) -> Sequence[Document]:
        """Return them."""
        return [
            Document(uri, uri, mime_type, len(text))
            for uri, (mime_type, text) in self._TEXTS.items()
        ]

    async def read(self, uri: str) -> tuple[str, str]:
        """Return the media type and the text of one."""
        return self._TEXTS[uri]
