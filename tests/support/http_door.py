"""The HTTP door without a supervisor: tools of files and of the test's own, no runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from codexmcp.cli.serve_http import PortfolioLibrary
from codexmcp.http.binding import ListenAddress
from codexmcp.http.door import DoorOptions, http_door
from codexmcp.http.token_files import TokenFiles
from codexmcp.mcp_tools import FLAG, changes, record
from codexmcp.runs.service import RunService
from codexmcp.supervisor.doors import DoorServices
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio import Portfolio
from codexmcp.workspace.portfolio_tools import portfolio_tools
from codexmcp.workspace.tool import Scope, WorkspaceTool
from tests.support.http_client import HttpClient


class Gate:
    """A tool that waits until it is let go, and knows how many wait."""

    def __init__(self) -> None:
        self.inside = 0
        self.left = 0
        self.release = asyncio.Event()

    async def run(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Wait."""
        self.inside += 1
        try:
            await self.release.wait()
        finally:
            self.inside -= 1
            self.left += 1
        return {"waited": True}

    def tool(self) -> WorkspaceTool:
        """Return it as a tool."""
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
        answer = record({"waited": FLAG})
        hints = changes(destructive=False, idempotent=False, open_world=False)
        return WorkspaceTool("wait", "Wait.", schema, Scope.READ, self.run, "Wait", answer, hints)


class Door(HttpClient):
    """A door that is open.

    Args:
        url: Where MCP is.
        folder: Where tokens, telemetry, files and the portfolio lie.
        tokens: Who is let in.
        gate: Its tool `wait`.
        status: What the supervisor says of itself; may be changed.
    """

    def __init__(
        self, url: str, folder: Path, tokens: TokenFiles, gate: Gate, status: dict[str, Any]
    ) -> None:
        super().__init__(url)
        self.root = folder / "root"
        self.portfolio = folder / "portfolio"
        self.persist = folder / "state" / "persist.json"
        self.tokens = tokens
        self.gate = gate
        self.status = status

    @property
    def token(self) -> str:
        """The token of its file."""
        return self.tokens.token_path.read_text().strip()


@contextlib.asynccontextmanager
async def opened(
    folder: Path, *, given: str | None = None, more: Sequence[WorkspaceTool] = (), **changes: Any
) -> AsyncIterator[Door]:
    """Open a door.

    Args:
        folder: For all its files.
        given: The token of the environment.
        more: Tools of the test's own.
        changes: Options that differ.
    """
    root, portfolio = folder / "root", folder / "portfolio"
    root.mkdir(exist_ok=True)
    portfolio.mkdir(exist_ok=True)
    tokens, gate = TokenFiles(folder / "agentos", given), Gate()
    tokens.ensure()
    roots = Roots.parse(str(root), folder)
    status: dict[str, Any] = {"draining": False}
    options = DoorOptions(
        version="0",
        place=ListenAddress(port=0),
        tokens=tokens,
        folder=folder / "state",
        caller=None,
        tools=[*portfolio_tools(portfolio), *file_tools(roots), gate.tool(), *more],
        library=PortfolioLibrary(Portfolio(portfolio)),
        secrets=tokens.secrets(),
    )

    async def told_status() -> Mapping[str, Any]:
        return status

    # No run tool is offered, so nobody asks for a run.
    inside = DoorServices(cast("RunService", None), lambda _caller: _nothing, told_status)
    async with http_door(replace(options, **changes))(inside) as told:
        yield Door(told["http"]["url"], folder, tokens, gate, status)


async def _nothing() -> dict[str, Any]:
    return {}
