"""The HTTP door of the supervisor: puts tokens, gate, tools, telemetry and uvicorn together."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codexmcp.http.binding import Place, bound, is_local, url_of
from codexmcp.http.exchange import Exchange, Requests
from codexmcp.http.gate import Bounds, Gate
from codexmcp.http.mcp_app import Library, McpApp
from codexmcp.http.origins import origins
from codexmcp.http.pages import Facts, pages
from codexmcp.http.persist import NAME, Persisted
from codexmcp.http.recording import RecordedLibrary, recorded
from codexmcp.http.replies import out_of_scope
from codexmcp.http.scope_check import needed
from codexmcp.http.serving import served
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.tokens import ALL_SCOPES
from codexmcp.http.toolbox import Toolbox
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import RunTools
from codexmcp.supervisor.doors import Door, Inside
from codexmcp.workspace.tool import WorkspaceTool

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class DoorOptions:
    """How the door is.

    Attributes:
        version: What it tells of itself.
        place: Where it listens.
        tokens: Who is let in.
        folder: Where telemetry is kept.
        caller: What holds for runs; None leaves the run tools out.
        tools: The tools of the workspace.
        library: The resources; None for none.
        roots: The folders of the file tools, to be shown.
        hosts: Further hosts that requests may name.
        web_origins: Web pages whose requests are let in.
        bounds: What one who asks may cost.
        secrets: What must not be written down.
        on_open: Is told the URL once requests are answered.
    """

    version: str
    place: Place
    tokens: TokenFiles
    folder: Path
    caller: Caller | None
    tools: Sequence[WorkspaceTool] = ()
    library: Library | None = None
    roots: Sequence[str] = ()
    hosts: Sequence[str] = ()
    web_origins: Sequence[str] = ()
    bounds: Bounds = field(default_factory=Bounds)
    secrets: Sequence[str] = field(default=(), repr=False)
    on_open: Callable[[str], None] = lambda _url: None


def http_door(options: DoorOptions) -> Door:
    """Return the door."""

    @contextlib.asynccontextmanager
    async def opened(inside: Inside) -> AsyncGenerator[Mapping[str, Any], None]:
        persisted = Persisted(options.folder / NAME, Redactor(options.secrets))
        with bound(options.place) as connection:
            async with persisted.kept(), _serving(options, inside, persisted, connection) as url:
                options.on_open(url)
                yield {"http": {"url": url}}

    return opened


@contextlib.asynccontextmanager
async def _serving(
    options: DoorOptions, inside: Inside, persisted: Persisted, connection: socket.socket
) -> AsyncGenerator[str, None]:
    requests = Requests()
    url = url_of(connection, options.place.path)
    allowed = origins(
        is_local=is_local(connection), hosts=options.hosts, allowed=options.web_origins
    )
    gate = Gate(options.tokens, allowed, options.bounds, requests)
    tools = recorded(options.tools, persisted)
    library = None if options.library is None else RecordedLibrary(options.library, persisted)
    toolbox = Toolbox(tools, _run_tools(options.caller, inside))
    app = McpApp(options.version, toolbox, library, options.bounds.body_bytes)
    facts = Facts(options.version, url, toolbox.names(), options.roots, inside.status)
    gate.lead(pages(gate, persisted, requests, facts), options.place.path, _mcp(app, toolbox))
    async with app.running(), served(gate, connection):
        try:
            yield url
        finally:
            gate.close()


def _run_tools(caller: Caller | None, inside: Inside) -> RunTools | None:
    return None if caller is None else RunTools(inside.service, caller, inside.check(caller))


def _mcp(app: McpApp, toolbox: Toolbox) -> Callable[[bytes, Exchange], ASGIApp]:
    """Return what leads a request to MCP, if its token is good for it."""

    def answering(body: bytes, exchange: Exchange) -> ASGIApp:
        scopes = ALL_SCOPES if exchange.token is None else exchange.token.scopes
        if not scopes >= ALL_SCOPES:
            need = needed(body, toolbox.scope_of)
            if need is not None and need[0] not in scopes:
                exchange.tool = need[1]
                raise out_of_scope(*need)
        return app.answering(body)

    return answering
