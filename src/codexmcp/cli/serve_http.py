"""`codexmcp serve --http`: from arguments and settings to the door, and whether it is up."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import codexmcp
from codexmcp.cli import client_options
from codexmcp.errors import ConfigurationError, UsageError, WorkspaceError
from codexmcp.home.config import default_home
from codexmcp.http.binding import Place, check_place
from codexmcp.http.door import DoorOptions, http_door
from codexmcp.http.gate import Bounds
from codexmcp.http.mcp_app import Document
from codexmcp.http.rates import Rate
from codexmcp.http.token_files import TokenFiles
from codexmcp.run_settings import PREFIX
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.settings import HttpSettings, Settings, load_http_settings, secret_values
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.doors import Door
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
"""How long a wait lasts unless said otherwise: many clients of HTTP give a tool 60 s."""

_BURST_S = 2.0


def make_door(
    arguments: argparse.Namespace, settings: Settings, workspace: Path | None
) -> tuple[Door, TokenFiles]:
    """Return the door, and the tokens by which it is opened.

    Args:
        arguments: Those of `codexmcp serve`.
        settings: The settings.
        workspace: All that Codex sees, where it runs in a container; None elsewhere.

    Raises:
        UsageError: The arguments cannot be used together.
        ConfigurationError: The surroundings do not allow it.
    """
    place = Place(arguments.host, arguments.port, arguments.path)
    check_place(place, allow_remote=arguments.allow_remote)
    if arguments.idle_exit:
        raise UsageError("--idle-exit does not go with --http: nobody could start it again")
    http = load_http_settings(os.environ)
    home = settings.codex_home or default_home()
    here = Path.cwd()
    withheld = [http.folder, home]
    roots = _roots(arguments, http, here, withheld)
    tokens = TokenFiles(http.folder, http.token)
    if tokens.ensure():
        sys.stderr.write(f"codexmcp: made a token for clients in {tokens.token_path}\n")
    portfolio = (arguments.portfolio or http.portfolio or here / "context-portfolio").absolute()
    rate = Rate(arguments.max_rate, arguments.max_rate * _BURST_S)
    options = DoorOptions(
        version=codexmcp.__version__,
        place=place,
        tokens=tokens,
        folder=pointer_dir(settings, os.environ),
        caller=_caller(arguments, here, home, workspace),
        tools=[*portfolio_tools(portfolio, withheld), *_tools(arguments, http, roots)],
        library=PortfolioLibrary(Portfolio(portfolio, withheld)),
        roots=[str(path) for path in roots.paths],
        hosts=[*arguments.allowed_host, arguments.host],
        web_origins=arguments.allowed_origin,
        bounds=Bounds(rate=rate),
        secrets=(*secret_values(settings.api_key, os.environ), *tokens.secrets()),
        on_open=_tell,
    )
    return http_door(options), tokens


class PortfolioLibrary:
    """The portfolio as resources.

    Args:
        portfolio: The portfolio.
    """

    def __init__(self, portfolio: Portfolio) -> None:
        self._portfolio = portfolio

    async def documents(self) -> Sequence[Document]:
        """Return its files; none while there is no portfolio."""
        try:
            files = await PORTFOLIO.run(self._portfolio.files)
        except WorkspaceError:
            return []
        return [Document(file.uri, file.name, file.mime_type, file.size_bytes) for file in files]

    async def read(self, uri: str) -> tuple[str, str]:
        """Return the media type and the text of a file.

        Raises:
            WorkspaceError: There is none, or it cannot be read.
        """
        file, text = await PORTFOLIO.run(self._portfolio.read, uri)
        return file.mime_type, text


def _tell(url: str) -> None:
    sys.stderr.write(f"codexmcp: MCP over HTTP at {url}\n")


def _roots(
    arguments: argparse.Namespace, http: HttpSettings, here: Path, withheld: Sequence[Path]
) -> Roots:
    named = os.pathsep.join(arguments.fs_root) if arguments.fs_root else http.fs_roots
    # Whoever could write there would have other tokens, or programs that Codex starts.
    roots = Roots.parse(named, here, withheld)
    for root in roots.paths:
        for own in withheld:
            if root.resolve().is_relative_to(own.resolve()):
                raise ConfigurationError(
                    f"{root} belongs to the server itself, and nothing in it is served; name "
                    "folders of your projects by --fs-root or AGENTOS_FS_ROOTS"
                )
    return roots


def _caller(
    arguments: argparse.Namespace, here: Path, home: Path, workspace: Path | None
) -> Caller:
    own = argparse.Namespace(**{**vars(arguments), "idle_timeout": 600.0, "profile": None})
    caller = client_options.caller(own, here, os.environ, home, workspace)
    if os.environ.get(f"{PREFIX}WAIT_SOFT_TIMEOUT_MS"):
        return caller
    return replace(caller, settings=replace(caller.settings, soft_timeout_s=SOFT_TIMEOUT_S))


def _tools(arguments: argparse.Namespace, http: HttpSettings, roots: Roots) -> list[WorkspaceTool]:
    extension = arguments.extension or http.extension_dir
    policy = GitPolicy(dict(os.environ), allow_repository_code=arguments.allow_git_hooks)
    return [
        *file_tools(roots),
        *git_tools(roots, policy),
        *extension_tools(None if extension is None else extension.absolute(), os.environ),
    ]
