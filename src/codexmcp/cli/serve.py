"""`codexmcp serve`: from its options to a running supervisor, or to another action.

Promises to print no token but a new one, once, to stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import codexmcp
from codexmcp.cli import client_options, serve_install, serve_supervisors
from codexmcp.cli.codex_options import codex_options, resolution
from codexmcp.cli.container_location import located
from codexmcp.cli.options.mcp_server import McpServerOptions
from codexmcp.cli.options.serve import ActionFlags, ServeOptions
from codexmcp.cli.shared import address_for
from codexmcp.codex.binary import server_version
from codexmcp.codex.config import default_home
from codexmcp.codex.options import CodexOptions
from codexmcp.codex.resolution import Resolution
from codexmcp.command_line import given, parse
from codexmcp.data_classes import replace
from codexmcp.errors import CodexMCPError, CredentialsError, ExitCode, UsageError
from codexmcp.http.token_files import TokenFiles
from codexmcp.policy.extras import check_any_access
from codexmcp.runs.store import Limits
from codexmcp.server.reception import CODEX_TOOLS, RUN_TOOLS
from codexmcp.settings import (
    KEY_VARIABLES,
    Settings,
    agentos_folder,
    load_http_settings,
    load_settings,
    secret_values,
)
from codexmcp.supervisor.clients import ClientOptions
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.doors import Door
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.run_host import RunHostOptions
from codexmcp.supervisor.supervisor import SupervisorOptions, supervise
from codexmcp.supervisor.withheld import secret_files

logger = logging.getLogger(__name__)


def serve(options: ServeOptions) -> int:
    """Supervise until stopped, or do another action.

    Raises:
        UsageError: The options exclude each other.
        ConfigurationError: A setting or a file cannot be used.
    """
    options = replace(options, codex=located(options.codex, options.policy.cwd))
    action = options.action
    _check(options)
    if action.status:
        return serve_supervisors.status(options)
    if action.stop:
        return serve_supervisors.stop(options)
    if action.install:
        return serve_install.install(options, lambda: serve_supervisors.is_mine_running(options))
    if action.uninstall:
        return serve_install.uninstall(action)
    if action.rotate_token or action.add_token or action.remove_token or action.list_tokens:
        return _change_tokens(action, options.scopes)
    tell = _teller(options.ready_fd)
    try:
        settings = _settings(options)
        asyncio.run(supervise(_options(options, settings, lambda: tell("ok"))))
    except CodexMCPError as error:
        tell(str(error).replace("\n", "; "))
        raise
    return ExitCode.DONE


def _check(options: ServeOptions) -> None:
    action = options.action
    only_http = (options.address, options.workspace_tools, options.policy)
    ignored = dict.fromkeys(name for flags in only_http for name, _ in given(flags))
    if ignored and not options.http:
        raise UsageError(
            f"{', '.join(ignored)} would have no effect without --http: add that, or leave it out"
        )
    if action.only is not None and not (action.status or action.stop):
        raise UsageError("--only selects a supervisor for --status or --stop: add one of them")
    if (action.dry_run or action.force) and not (action.install or action.uninstall):
        raise UsageError("--dry-run and --force are for --install and --uninstall; name one")


def _settings(options: ServeOptions) -> Settings:
    if options.key_stdin:
        key = sys.stdin.readline().strip()
        # Taken out again at once by `load_settings`.
        os.environ.update({KEY_VARIABLES[0]: key} if key else {})
    return load_settings(os.environ)


def _options(
    options: ServeOptions, settings: Settings, on_ready: Callable[[], None]
) -> SupervisorOptions:
    found = resolution(options.codex, settings, os.environ)
    if options.ready_fd is None:
        # The calls of a client that starts us report missing credentials.
        _check_access(options, found)
    codex = codex_options(options.codex, found)
    if options.codex.in_container:
        codex = _contained(options, settings, codex)
    container = codex.container
    workspace = None if container is None else container.workspace
    version = server_version(codex.launch.codex)
    home = settings.codex_home or default_home()
    address = address_for(options.codex, settings, os.environ)
    doors, tokens = _doors(options, settings, workspace)
    return SupervisorOptions(
        address=address,
        codex=codex,
        runs=RunHostOptions(
            home=(container and container.home) or home,
            pointer_dir=pointer_dir(settings, os.environ),
            group=address.id,
            socket=str(address.socket),
            limits=Limits(options.max_runs, options.max_runs_per_folder),
            secrets=(*secret_values(settings.api_key, os.environ), *tokens.secrets()),
            hidden=secret_files(settings, os.environ),
            drain_s=options.drain_timeout,
            allow_amendments=options.allow_policy_amendments,
        ),
        read_options=lambda hello: _client(hello, version, home, workspace),
        idle_exit_s=options.idle_exit or None,
        doors=doors,
        on_ready=on_ready,
    )


def _check_access(options: ServeOptions, found: Resolution) -> None:
    """Refuse to start without credentials, or warn when HTTP serves tools without a model.

    Raises:
        CredentialsError: There are no credentials, and no HTTP server.
    """
    try:
        check_any_access(found)
    except CredentialsError as error:
        if not options.http:
            raise
        # Files, git and the portfolio need no model.
        logger.warning("every task is refused: %s", error)


def _doors(
    options: ServeOptions, settings: Settings, workspace: Path | None
) -> tuple[list[Door], TokenFiles]:
    """Return the doors beside the socket, and the tokens, which runs must not see in any case."""
    if not options.http:
        return [], TokenFiles(agentos_folder(os.environ), None)
    from codexmcp.cli.serve_http import make_door  # noqa: PLC0415 - 0.5 s

    door, tokens = make_door(options, settings, workspace)
    return [door], tokens


def _contained(options: ServeOptions, settings: Settings, codex: CodexOptions) -> CodexOptions:
    from codexmcp.cli.container_options import container_options  # noqa: PLC0415 - rarely used

    container = container_options(options.codex, settings, codex, options.policy, keeps=True)
    return replace(codex, container=container)


def _client(hello: Hello, version: str, home: Path, workspace: Path | None) -> ClientOptions:
    """Return the options for a client, from its arguments."""
    try:
        options = replace(parse(McpServerOptions, hello.arguments), shared=True)
    except UsageError:
        raise UsageError(
            f"a client of version {hello.version} has options that this supervisor of version "
            f"{codexmcp.__version__} does not know; end it with `codexmcp serve --stop`, and the "
            "client starts its own"
        ) from None
    base_dir = Path(hello.cwd)
    groups = options.tool_groups
    engine = client_options.engine_options(options, base_dir, workspace, hello.env)
    policy, idle_s = options.policy, options.idle_timeout
    caller = partial(
        client_options.caller, policy, base_dir, hello.env, home, workspace, idle_timeout_s=idle_s
    )
    return ClientOptions(
        protocol=client_options.protocol_options(options, version),
        engine=engine if CODEX_TOOLS in groups else None,
        caller=caller() if RUN_TOOLS in groups else None,
        drain_s=options.drain_timeout,
    )


def _teller(fd: int | None) -> Callable[[str], None]:
    """Return a function that reports the start to the client that caused it, or to a person."""

    def tell(text: str) -> None:
        nonlocal fd
        if fd is None and text == "ok":
            sys.stderr.write("codexmcp: supervising; Ctrl-C or `codexmcp serve --stop` ends it\n")
        elif fd is not None:
            # A client that was killed meanwhile leaves a supervisor for the next one.
            with contextlib.suppress(BrokenPipeError):
                os.write(fd, f"{text}\n".encode())
            os.close(fd)
            fd = None

    return tell


def _change_tokens(action: ActionFlags, scopes: Sequence[str]) -> int:
    """Change or list the tokens.

    Args:
        action: The action.
        scopes: The scopes of a new token.

    Raises:
        UsageError: A token or its scopes cannot be used.
        ConfigurationError: The files of tokens cannot be used.
    """
    settings = load_http_settings(os.environ)
    files = TokenFiles(settings.folder, settings.token)
    if action.add_token and not scopes:
        raise UsageError("--add-token needs scopes, for example --scopes read,git")
    if action.rotate_token:
        path = files.rotate()
        sys.stderr.write(
            f"codexmcp: {path} contains a new token; the old token is invalid. Clients need the "
            f'new one: export AGENTOS_TOKEN="$(cat {path})"\n'
        )
    elif action.add_token:
        secret = files.add(action.add_token, scopes)
        sys.stderr.write("codexmcp: this token is shown once, and only its hash is kept\n")
        sys.stdout.write(f"{secret}\n")
    elif action.remove_token:
        files.remove(action.remove_token)
        sys.stderr.write(f"codexmcp: the token {action.remove_token} counts no more\n")
    else:
        _list_tokens(files, as_json=action.json)
    return ExitCode.DONE


def _list_tokens(files: TokenFiles, *, as_json: bool) -> None:
    found = {token.name: sorted(token.scopes) for token in files.current()}
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    for name, scopes in () if as_json else found.items():
        sys.stdout.write(f"{name}: {', '.join(scopes)}\n")
