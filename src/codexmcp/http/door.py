"""The HTTP front of the supervisor: tokens, gate, tools, telemetry and uvicorn combined."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codexmcp.data_classes import dataclass, field
from codexmcp.http.binding import ListenAddress, bound, is_local, url_of
from codexmcp.http.exchange import Exchange, Requests
from codexmcp.http.gate import Gate, GateBounds
from codexmcp.http.kernel import request_of
from codexmcp.http.mcp_app import Library, McpApp
from codexmcp.http.origins import origins
from codexmcp.http.pages import Facts, pages
from codexmcp.http.persist import NAME, Persisted
from codexmcp.http.recording import RecordedLibrary, recorded
from codexmcp.http.replies import out_of_scope
from codexmcp.http.serving import served
from codexmcp.http.skill_log import following
from codexmcp.http.token_files import TokenFiles
from codexmcp.http.tokens import ALL_SCOPES
from codexmcp.http.toolbox import Toolbox, required_scope
from codexmcp.policy.caller import Caller
from codexmcp.runs.audit.redaction import Redactor
from codexmcp.server.run_tools.tools import RunTools
from codexmcp.supervisor.doors import Door, DoorServices
from codexmcp.workspace.tool import WorkspaceTool

if TYPE_CHECKING:
    from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class DoorOptions:
    """Options of the HTTP front.

    Attributes:
        version: The version reported to clients.
        place: The address.
        tokens: The accepted tokens.
        folder: The folder of the telemetry.
        caller: The settings of runs; None omits the run tools.
        tools: The workspace tools.
        library: The resources, or None.
        roots: The folders of the file tools, for the status.
        hosts: Further accepted hosts.
        web_origins: Accepted origins of web pages.
        bounds: Bounds on requests.
        secrets: Texts to keep out of all files.
        on_open: Called with the URL once requests are answered.
        codex_home: The Codex home whose skill uses go to the command log; None for no log.
    """

    version: str
    place: ListenAddress
    tokens: TokenFiles
    folder: Path
    caller: Caller | None
    tools: Sequence[WorkspaceTool] = ()
    library: Library | None = None
    roots: Sequence[str] = ()
    hosts: Sequence[str] = ()
    web_origins: Sequence[str] = ()
    bounds: GateBounds = field(default_factory=GateBounds)
    secrets: Sequence[str] = field(default=(), repr=False)
    on_open: Callable[[str], None] = lambda _url: None
    codex_home: Path | None = None


def http_door(options: DoorOptions) -> Door:
    """Return the HTTP front."""

    @contextlib.asynccontextmanager
    async def opened(inside: DoorServices) -> AsyncGenerator[Mapping[str, Any], None]:
        persisted = Persisted(options.folder / NAME, Redactor(options.secrets))
        with bound(options.place) as connection:
            async with (
                persisted.kept(),
                _following(options, persisted),
                _serving(options, inside, persisted, connection) as url,
            ):
                options.on_open(url)
                yield {"http": {"url": url}}

    return opened


@contextlib.asynccontextmanager
async def _serving(
    options: DoorOptions, inside: DoorServices, persisted: Persisted, connection: socket.socket
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


def _following(
    options: DoorOptions, persisted: Persisted
) -> contextlib.AbstractAsyncContextManager[None]:
    home = options.codex_home
    return contextlib.nullcontext() if home is None else following(home, persisted)


def _run_tools(caller: Caller | None, inside: DoorServices) -> RunTools | None:
    return None if caller is None else RunTools(inside.service, caller, inside.check(caller))


def _mcp(app: McpApp, toolbox: Toolbox) -> Callable[[bytes, Exchange], ASGIApp]:
    """Return the MCP endpoint, with a check of the token's scope."""

    def answering(body: bytes, exchange: Exchange) -> ASGIApp:
        message = request_of(body)
        scopes = ALL_SCOPES if exchange.token is None else exchange.token.scopes
        if message is not None and not scopes >= ALL_SCOPES:
            need = required_scope(message.method, message.params, toolbox.scope_of)
            if need is not None and need[0] not in scopes:
                exchange.tool = need[1]
                raise out_of_scope(*need)
        return app.answering(body, message)

    return answering
