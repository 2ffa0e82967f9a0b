"""`codexmcp serve --http`: from options and settings to the door."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import codexmcp
from codexmcp.cli import client_options
from codexmcp.cli.options.serve import ServeOptions, WorkspaceFlags
from codexmcp.codex.config import default_home
from codexmcp.data_classes import replace
from codexmcp.errors import ConfigurationError, UsageError, WorkspaceError
from codexmcp.http.binding import ListenAddress, check_address
from codexmcp.http.door import DoorOptions, http_door
from codexmcp.http.gate import GateBounds
from codexmcp.http.mcp_app import Document
from codexmcp.http.rates import Rate
from codexmcp.http.token_files import TokenFiles
from codexmcp.policy.caller import Caller
from codexmcp.run_settings import PREFIX
from codexmcp.runs.audit.names import default_audit_dir
from codexmcp.runs.audit.secret_shapes import KEY_SHAPES
from codexmcp.settings import HttpSettings, Settings, load_http_settings, secret_values
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.doors import Door
from codexmcp.supervisor.withheld import served_to_nobody
from codexmcp.workspace.extension.tools import extension_tools
from codexmcp.workspace.files.tools import file_tools
from codexmcp.workspace.git.session import GitPolicy
from codexmcp.workspace.git.tools import git_tools
from codexmcp.workspace.paths.roots import Roots
from codexmcp.workspace.portfolio import Portfolio
from codexmcp.workspace.portfolio_tools import portfolio_tools
from codexmcp.workspace.threads import PORTFOLIO
from codexmcp.workspace.tool import WorkspaceTool

SOFT_TIMEOUT_S = 50.0
"""Default bound on a wait, in seconds: many HTTP clients give a tool 60 s."""

_BURST_S = 2.0


def make_door(
    options: ServeOptions, settings: Settings, workspace: Path | None
) -> tuple[Door, TokenFiles]:
    """Return the door and its tokens.

    Args:
        options: The options of `codexmcp serve`.
        settings: The settings.
        workspace: The only visible folder of a container; None without a container.

    Raises:
        UsageError: The options exclude each other.
        ConfigurationError: A setting or a folder cannot be used.
    """
    address, tools = options.address, options.workspace_tools
    place = ListenAddress(address.host, address.port, address.path)
    check_address(place, allow_remote=address.allow_remote)
    if options.idle_exit:
        raise UsageError("--idle-exit excludes --http: nothing would start the server again")
    http = load_http_settings(os.environ)
    home = settings.codex_home or default_home()
    here = Path.cwd()
    withheld = served_to_nobody(settings, os.environ, here)
    roots = _roots(tools, http, here, withheld)
    tokens = TokenFiles(http.folder, http.token)
    if tokens.ensure():
        sys.stderr.write(f"codexmcp: made a token for clients in {tokens.token_path}\n")
    portfolio = (tools.portfolio or http.portfolio or here / "context-portfolio").absolute()
    rate = Rate(address.max_rate, address.max_rate * _BURST_S)
    door = DoorOptions(
        version=codexmcp.__version__,
        place=place,
        tokens=tokens,
        folder=pointer_dir(settings, os.environ),
        caller=_caller(options, here, home, workspace),
        tools=[*portfolio_tools(portfolio, withheld), *_tools(tools, http, roots)],
        library=PortfolioLibrary(Portfolio(portfolio, withheld)),
        roots=[str(path) for path in roots.paths],
        hosts=[*address.allowed_host, address.host],
        web_origins=address.allowed_origin,
        bounds=GateBounds(rate=rate),
        secrets=(*secret_values(settings.api_key, os.environ), *tokens.secrets()),
        on_open=_tell,
        codex_home=home,
    )
    return http_door(door), tokens


class PortfolioLibrary:
    """The portfolio as resources.

    Args:
        portfolio: The portfolio.
    """

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio

    async def documents(self) -> Sequence[Document]:
        """Return its files; an empty list without a portfolio."""
        try:
            files = await PORTFOLIO.run(self._portfolio.files)
        except WorkspaceError:
            return []
        return [Document(file.uri, file.name, file.mime_type, file.size_bytes) for file in files]

    async def read(self, uri: str) -> tuple[str, str]:
        """Return the media type and the text of a file.

        Raises:
            WorkspaceError: The file is missing or cannot be read.
        """
        file, text = await PORTFOLIO.run(self._portfolio.read, uri)
        return file.mime_type, text


def _tell(url: str) -> None:
    sys.stderr.write(f"codexmcp: MCP over HTTP at {url}\n")


def _roots(
    tools: WorkspaceFlags, http: HttpSettings, here: Path, withheld: Sequence[Path]
) -> Roots:
    named = os.pathsep.join(tools.fs_root) if tools.fs_root else http.fs_roots
    # Writers of these files could add tokens, or programs that Codex starts.
    allows = tools.allow_startup_files
    roots = Roots.parse(named, here)
    audit = [default_audit_dir(root) for root in roots.paths]
    roots = Roots.parse(named, here, [*withheld, *audit], allow_startup_files=allows)
    for root in roots.paths:
        for own in withheld:
            if root.resolve().is_relative_to(own.resolve()):
                raise ConfigurationError(
                    f"{root} belongs to the server itself, and nothing in it is served; name "
                    "folders of your projects by --fs-root or AGENTOS_FS_ROOTS"
                )
    return roots


def _caller(options: ServeOptions, here: Path, home: Path, workspace: Path | None) -> Caller:
    caller = client_options.caller(options.policy, here, os.environ, home, workspace)
    if os.environ.get(f"{PREFIX}WAIT_SOFT_TIMEOUT_MS"):
        return caller
    return replace(caller, settings=replace(caller.settings, soft_timeout_s=SOFT_TIMEOUT_S))


def _tools(tools: WorkspaceFlags, http: HttpSettings, roots: Roots) -> list[WorkspaceTool]:
    extension = tools.extension or http.extension_dir
    policy = GitPolicy(
        dict(os.environ),
        allow_repository_code=tools.allow_git_hooks,
        secret_shapes=KEY_SHAPES,
        allowed_secrets=tools.allow_secret_file,
    )
    return [
        *file_tools(roots),
        *git_tools(roots, policy),
        *extension_tools(None if extension is None else extension.absolute(), os.environ),
    ]
