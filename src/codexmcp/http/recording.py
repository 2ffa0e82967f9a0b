"""Record reads of portfolio files through the server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from codexmcp.data_classes import replace
from codexmcp.http.mcp_app import Document, Library
from codexmcp.http.persist import Persisted
from codexmcp.http.telemetry import LONGEST, Event, TelemetryKind
from codexmcp.jsonvalues import text_of
from codexmcp.workspace.tool import WorkspaceTool

READ_TOOL = "read_portfolio_file"
CLIENT = "mcp"


def recorded(tools: Sequence[WorkspaceTool], persisted: Persisted) -> list[WorkspaceTool]:
    """Return the tools, with the portfolio tool recording its reads."""
    return [_telling(tool, persisted) if tool.name == READ_TOOL else tool for tool in tools]


class RecordedLibrary:
    """Resources with recorded reads.

    Args:
        library: The resources.
        persisted: The record.
    """

    def __init__(self, library: Library, persisted: Persisted) -> None:
        self._library = library
        self._persisted = persisted

    async def documents(self) -> Sequence[Document]:
        """Return the current resources."""
        return await self._library.documents()

    async def read(self, uri: str) -> tuple[str, str]:
        """Return the MIME type and the text of a resource.

        Raises:
            WorkspaceError: The resource is missing or unreadable.
        """
        found = await self._library.read(uri)
        _tell(self._persisted, uri)
        return found


def _telling(tool: WorkspaceTool, persisted: Persisted) -> WorkspaceTool:
    async def run(arguments: Mapping[str, Any]) -> dict[str, Any]:
        answer = await tool.run(arguments)
        _tell(persisted, text_of(answer.get("uri")) or str(arguments.get("name", "")))
        return answer

    return replace(tool, run=run)


def _tell(persisted: Persisted, file: str) -> None:
    fields = {"file": file[:LONGEST], "client": CLIENT}
    persisted.add(Event(TelemetryKind.PORTFOLIO_READ, time.time(), fields))
