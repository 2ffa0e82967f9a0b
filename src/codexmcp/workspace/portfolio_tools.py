"""The tools to list and read the portfolio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codexmcp.jsonvalues import without_nulls
from codexmcp.mcp_tools import INTEGER, READS, TEXT, Schema, list_of, record
from codexmcp.workspace.files.answers import moment
from codexmcp.workspace.files.schemas import closed
from codexmcp.workspace.portfolio import Portfolio, PortfolioFile
from codexmcp.workspace.threads import PORTFOLIO
from codexmcp.workspace.tool import Scope, WorkspaceTool

_READ = closed(
    {
        "name": {
            "type": "string",
            "minLength": 1,
            "description": "A file's name, its filename, or its `portfolio://` URI.",
        }
    },
    ("name",),
)

_FILE: dict[str, Schema] = {
    "name": TEXT,
    "filename": TEXT,
    "uri": TEXT,
    "mime_type": TEXT,
    "size_bytes": INTEGER,
    "modified": TEXT,
}
_TITLE = {"title": TEXT}


def portfolio_tools(folder: Path, withheld: Sequence[Path] = ()) -> tuple[WorkspaceTool, ...]:
    """Return the tools of a portfolio.

    Args:
        folder: The folder; may be missing.
        withheld: Files and folders not served, although in the folder.
    """
    tools = PortfolioTools(Portfolio(folder, withheld))
    return (
        WorkspaceTool(
            "list_portfolio_files",
            "List the files of the context portfolio: who the user is, their projects, their "
            "conventions.",
            closed({}),
            Scope.READ,
            tools.list,
            "List the portfolio",
            record({"files": list_of(record(_FILE, _TITLE))}),
            READS,
        ),
        WorkspaceTool(
            "read_portfolio_file",
            "Read a file of the context portfolio, whole and as it is now.",
            _READ,
            Scope.READ,
            tools.read,
            "Read a portfolio file",
            record({**_FILE, "content": TEXT}, _TITLE),
            READS,
        ),
    )


class PortfolioTools:
    """Implementations of the portfolio tools."""

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio

    async def list(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """List the files."""
        files = await PORTFOLIO.run(self._portfolio.files)
        return {"files": [_told(file) for file in files]}

    async def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Read a file."""
        file, text = await PORTFOLIO.run(self._portfolio.read, arguments["name"])
        return {**_told(file), "content": text}


def _told(file: PortfolioFile) -> dict[str, Any]:
    return without_nulls(
        {
            "name": file.name,
            "filename": file.filename,
            "uri": file.uri,
            "title": file.title,
            "mime_type": file.mime_type,
            "size_bytes": file.size_bytes,
            "modified": moment(file.modified_s),
        }
    )
