"""The options of `codexmcp serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from codexmcp.cli.options.parts import CodexFlags, PolicyFlags
from codexmcp.command_line import HIDDEN, Command, flag, option, part, repeated
from codexmcp.data_classes import dataclass
from codexmcp.units import count_or_zero, seconds

_ACTION = "action"
_RUNS = "runs"
_MAX_PORT = 65535


def _scopes(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise argparse.ArgumentTypeError("it is empty; name one or several with commas between")
    return words


def _port(text: str) -> int:
    value = count_or_zero(text)
    if value > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"invalid port {text}: pass at most {_MAX_PORT}")
    return value


@dataclass(frozen=True, kw_only=True)
class ActionFlags:
    """The actions in place of serving; no service is started with them."""

    status: bool = flag("report the supervisors of the home; start nothing", exclusive=_ACTION)
    stop: bool = flag("end the supervisors of the home", exclusive=_ACTION)
    rotate_token: bool = flag(
        "replace the token in ~/.agentos/token; a running server takes the new one at once",
        exclusive=_ACTION,
    )
    add_token: str | None = option("make a further token and print it", "NAME", exclusive=_ACTION)
    remove_token: str | None = option("revoke a further token", "NAME", exclusive=_ACTION)
    list_tokens: bool = flag("list names and scopes", exclusive=_ACTION)
    install: bool = flag(
        "have systemd or launchd run it with the other options given, now and at each login",
        exclusive=_ACTION,
    )
    uninstall: bool = flag("end that service and remove its file", exclusive=_ACTION)
    dry_run: bool = flag("with --install, print the file and change nothing")
    force: bool = flag("with --install, replace a file that codexmcp did not make")
    only: str | None = option(
        "with --status and --stop, of the supervisors of the home only this one: its id or "
        "process id, or `mine` for the one with these credentials and options of Codex",
        "WHICH",
    )
    json: bool = flag("print JSON for a program")
    debug: bool = flag("log in detail, show tracebacks")


@dataclass(frozen=True, kw_only=True)
class HttpFlags:
    """The HTTP server."""

    host: str = option("", default="127.0.0.1")
    port: int = option("0 for any", parse=_port, default=3000)
    path: str = option("of MCP", default="/mcp")
    allow_remote: bool = flag("listen also for other machines; nothing is encrypted")
    allowed_host: tuple[str, ...] = repeated(
        "a further host name that clients use; may be given several times", "NAME"
    )
    allowed_origin: tuple[str, ...] = repeated(
        "a web page whose requests are accepted; may be given several times", "ORIGIN"
    )
    max_rate: float = option(
        "requests per second and token; 0 for no bound", "N", parse=seconds, default=200.0
    )


@dataclass(frozen=True, kw_only=True)
class WorkspaceFlags:
    """The tools of files, git, portfolio and editor extension."""

    fs_root: tuple[str, ...] = repeated(
        "a folder that file and git tools may use; may be given several times; default: "
        "AGENTOS_FS_ROOTS, or here",
        "DIR",
    )
    portfolio: Path | None = option(
        "default: AGENTOS_PORTFOLIO, or context-portfolio here", "DIR", parse=Path
    )
    extension: Path | None = option(
        "the editor extension to compile, package and install; default: AGENTOS_EXTENSION_DIR, or "
        "none",
        "DIR",
        parse=Path,
    )
    allow_git_hooks: bool = flag("let repositories run their own hooks, filters and programs")
    allow_startup_files: bool = flag(
        "let clients write files that start programs, such as .vscode/tasks.json, .envrc or "
        "workflows of CI"
    )
    allow_secret_file: tuple[str, ...] = repeated(
        "let agentOS_git_commit commit a file that looks like a secret, such as tests/keys/*.pem, "
        "from the top of the repository; may be given several times",
        "PATTERN",
    )


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The options of `codexmcp serve`."""

    action: ActionFlags = part(ActionFlags)
    max_runs: int = option("at once", "N", parse=count_or_zero, default=64, group=_RUNS)
    max_runs_per_folder: int = option(
        "at once in one working directory", "N", parse=count_or_zero, default=16, group=_RUNS
    )
    idle_exit: float = option(
        "end after this time without clients and runs; 0, the default, means never",
        "SECONDS",
        parse=seconds,
        default=0.0,
        group=_RUNS,
    )
    drain_timeout: float = option(
        "on active runs at the end; then they are interrupted and can be resumed",
        "SECONDS",
        parse=seconds,
        default=30.0,
        group=_RUNS,
    )
    allow_policy_amendments: bool = flag(
        "let an answer to a question write a rule to the Codex home, which then runs matching "
        "commands outside the sandbox in every later session",
        group=_RUNS,
    )
    http: bool = flag(
        "serve MCP over HTTP as well; with --status, report whether it is up", group="HTTP"
    )
    address: HttpFlags = part(HttpFlags, "HTTP")
    workspace_tools: WorkspaceFlags = part(WorkspaceFlags, "tools of the workspace, with --http")
    policy: PolicyFlags = part(
        PolicyFlags, "policy for runs over HTTP (fixed: no tool argument can widen it)"
    )
    scopes: tuple[str, ...] = option(
        "with --add-token: read, write, git, runs; several with commas between them",
        "SCOPES",
        parse=_scopes,
        default=(),
        group="tokens",
    )
    codex: CodexFlags = part(CodexFlags)
    key_stdin: bool = flag(HIDDEN)
    ready_fd: int | None = option(HIDDEN, parse=int)


COMMANDS = (
    Command(
        "serve",
        "supervise Codex and its runs, for clients that come and go",
        "serve:serve",
        ServeOptions,
        description="Supervise Codex and its runs. One supervisor serves one Codex home and one "
        "set of credentials, to any number of clients.",
        epilog="""\
examples:
  codexmcp serve
      supervise runs in the foreground, as under systemd or in a container,
      until SIGTERM
  codexmcp serve --status
      list the supervisors of the Codex home: exit code 0 if one runs and all
      answer, 3 if none runs, 124 if one does not answer
  codexmcp serve --stop
      have them finish their runs within their drain timeouts, and end
  codexmcp serve --stop --only mine
      the same for the one with these credentials and options of Codex
  codexmcp serve --http
      supervise, and serve MCP over HTTP at http://127.0.0.1:3000/mcp, for
      clients with the token
  codexmcp serve --status --http
      report whether that is up: exit code 0 if so, 3 if not
  codexmcp serve --http --port 3001 --install
      have the user's service manager run `codexmcp serve --http --port 3001`
  codexmcp serve --in-container codexmcp:latest --workspace ~/project
      the same with Codex in a container; its clients are started with these
      options too

Clients need no supervisor beforehand: `codexmcp mcp-server --shared` starts one
when there is none.
""",
    ),
)
