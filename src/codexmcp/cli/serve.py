"""`codexmcp serve`: from its arguments to a running supervisor, or to what one says."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import codexmcp
from codexmcp.cli import (
    client_options,
    mcp_server_arguments,
    serve_install,
    serve_status,
    serve_tokens,
)
from codexmcp.cli.codex_options import codex_options
from codexmcp.cli.shared import address_for, open_connection
from codexmcp.errors import (
    CodexMCPError,
    ConfigurationError,
    DeadlineError,
    ExitCode,
    UsageError,
)
from codexmcp.home.binary import package_version
from codexmcp.home.config import default_home
from codexmcp.http.token_files import TokenFiles
from codexmcp.runs.store import Limits
from codexmcp.server.codex import CodexOptions
from codexmcp.settings import (
    KEY_VARIABLES,
    Settings,
    agentos_folder,
    load_settings,
    secret_values,
)
from codexmcp.supervisor.asking import ask
from codexmcp.supervisor.clients import ClientOptions
from codexmcp.supervisor.directory import pointer_dir
from codexmcp.supervisor.doors import Door
from codexmcp.supervisor.hello import Hello
from codexmcp.supervisor.methods import STATUS, STOP
from codexmcp.supervisor.run_host import RunHostOptions
from codexmcp.supervisor.supervisor import SupervisorOptions, supervise

STOP_MARGIN_S = 30.0
"""What ending takes beyond the drain timeout."""

_NONE = (
    "no supervisor runs for this Codex home and these credentials; one that was started with "
    "options of Codex or a container is found by the same ones\n"
)


def run(arguments: argparse.Namespace) -> int:
    """Supervise until stopped, or say what a supervisor does, or end it.

    Raises:
        UsageError: The arguments do not go together.
        ConfigurationError: The surroundings do not allow it.
    """
    if ignored := arguments.without_effect(arguments):
        raise UsageError(
            f"{', '.join(ignored)} would have no effect without --http: add that, or leave it out"
        )
    if arguments.status:
        return _status(arguments)
    if arguments.stop:
        return _stop(arguments)
    if serve_install.is_asked_for(arguments):
        return serve_install.run(arguments, lambda: _ask(arguments, STATUS) is not None)
    if serve_tokens.is_asked_for(arguments):
        return serve_tokens.run(arguments)
    tell = _teller(arguments.ready_fd)
    try:
        settings = _settings(arguments)
        options = _options(arguments, settings, lambda: tell("ok"))
        asyncio.run(supervise(options))
    except CodexMCPError as error:
        tell(str(error).replace("\n", "; "))
        raise
    return ExitCode.DONE


def _settings(arguments: argparse.Namespace) -> Settings:
    if arguments.key_stdin:
        key = sys.stdin.readline().strip()
        # Taken out again at once by `load_settings`.
        os.environ.update({KEY_VARIABLES[0]: key} if key else {})
    return load_settings(os.environ)


def _options(
    arguments: argparse.Namespace, settings: Settings, on_ready: Callable[[], None]
) -> SupervisorOptions:
    codex = codex_options(arguments, settings, os.environ)
    if arguments.in_container:
        codex = _contained(arguments, settings, codex)
    container = codex.container
    workspace = None if container is None else container.workspace
    version = package_version(codex.launch.codex) or codexmcp.__version__
    home = settings.codex_home or default_home()
    address = address_for(arguments, settings, os.environ)
    doors, tokens = _doors(arguments, settings, workspace)
    return SupervisorOptions(
        address=address,
        codex=codex,
        runs=RunHostOptions(
            home=(container and container.home) or home,
            pointer_dir=pointer_dir(settings, os.environ),
            group=address.id,
            socket=str(address.socket),
            limits=Limits(arguments.max_runs, arguments.max_runs_per_folder),
            secrets=(*secret_values(settings.api_key, os.environ), *tokens.secrets()),
            hidden=(tokens.token_path,),
            drain_s=arguments.drain_timeout,
            allow_amendments=arguments.allow_policy_amendments,
        ),
        read_options=lambda hello: _client(hello, version, home, workspace),
        idle_exit_s=arguments.idle_exit or None,
        doors=doors,
        on_ready=on_ready,
    )


def _doors(
    arguments: argparse.Namespace, settings: Settings, workspace: Path | None
) -> tuple[list[Door], TokenFiles]:
    """Return the doors beside the socket, and the tokens, which are kept from runs in any case."""
    if not arguments.http:
        return [], TokenFiles(agentos_folder(os.environ), None)
    from codexmcp.cli.serve_http import make_door  # noqa: PLC0415 - 0.5 s

    door, tokens = make_door(arguments, settings, workspace)
    return [door], tokens


def _contained(
    arguments: argparse.Namespace, settings: Settings, codex: CodexOptions
) -> CodexOptions:
    from codexmcp.cli.container_options import container_options  # noqa: PLC0415 - rarely used

    return replace(codex, container=container_options(arguments, settings, codex, keeps=True))


def _client(hello: Hello, version: str, home: Path, workspace: Path | None) -> ClientOptions:
    """Return how a client is to be served, by the arguments it was started with."""
    try:
        arguments = mcp_server_arguments.alone().parse_args(hello.arguments)
    except SystemExit:
        raise UsageError(
            f"a client of version {hello.version} has options that this supervisor of version "
            f"{codexmcp.__version__} does not know; end it with `codexmcp serve --stop`, and the "
            "client starts its own"
        ) from None
    arguments.shared = True
    base_dir = Path(hello.cwd)
    groups = client_options.tool_groups(arguments)
    engine = client_options.engine_options(arguments, base_dir, workspace)
    return ClientOptions(
        protocol=client_options.protocol_options(arguments, version),
        engine=engine if client_options.CODEX_TOOLS in groups else None,
        caller=client_options.caller(arguments, base_dir, hello.env, home, workspace)
        if client_options.RUN_TOOLS in groups
        else None,
        drain_s=arguments.drain_timeout,
    )


def _teller(fd: int | None) -> Callable[[str], None]:
    """Return what tells the client that started us how that went, or else a person."""

    def tell(text: str) -> None:
        nonlocal fd
        if fd is None and text == "ok":
            sys.stderr.write("codexmcp: supervising; Ctrl-C or `codexmcp serve --stop` ends it\n")
        elif fd is not None:
            os.write(fd, f"{text}\n".encode())
            os.close(fd)
            fd = None

    return tell


def _status(arguments: argparse.Namespace) -> int:
    status = _ask(arguments, STATUS)
    http = serve_status.look(arguments, status)
    if arguments.json:
        told = status or {"running": False}
        sys.stdout.write(json.dumps({**told, **({} if http is None else http.to_json())}) + "\n")
    else:
        # Whoever asks for HTTP alone need not know by which credentials its supervisor is found.
        if status is not None or not arguments.http:
            sys.stdout.write(_NONE if status is None else _told(status))
        if http is not None:
            sys.stdout.write(http.told())
    is_running = status is not None if http is None else http.is_up
    return ExitCode.DONE if is_running else ExitCode.NOT_RUNNING


def _stop(arguments: argparse.Namespace) -> int:
    status = _ask(arguments, STOP)
    if status is None:
        sys.stdout.write(_NONE)
        return ExitCode.NOT_RUNNING
    deadline = time.monotonic() + arguments.drain_timeout + STOP_MARGIN_S
    while _ask(arguments, STATUS) is not None:
        if time.monotonic() > deadline:
            raise DeadlineError(
                f"the supervisor (process {status['pid']}) has not ended yet; it waits for "
                f"{status['activeRuns']} run(s), or is stuck: kill it, and its runs can be resumed"
            )
        time.sleep(0.05)
    sys.stdout.write(f"the supervisor (process {status['pid']}) has ended\n")
    return ExitCode.DONE


def _ask(arguments: argparse.Namespace, method: str) -> dict[str, Any] | None:
    """Ask the supervisor; return None when there is none."""
    try:
        connection = open_connection(arguments, [], start=False)
    except (ConfigurationError, DeadlineError) as error:
        if isinstance(error, DeadlineError):
            raise
        return None
    with connection:
        try:
            return ask(connection, method, {})
        except ConnectionError:
            return None


def _told(status: Mapping[str, Any]) -> str:
    runs = ", ".join(f"{count} {state}" for state, count in status["runs"].items()) or "none"
    return (
        f"process {status['pid']}, version {status['version']}, "
        f"up {status['uptimeSeconds']:.0f} s\n"
        f"clients: {status['clients']}\n"
        f"active runs: {status['activeRuns']}\n"
        f"all runs: {runs}\n"
    )
