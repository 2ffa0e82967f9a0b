"""The MCP servers of a config.toml: values, TOML, and the checks before writing.

Pure. Source: names, fields and values are those accepted by `codex app-server --strict-config`
(0.153.4, 0.163.0 and 0.169.0). A child process has the fields of a command, a remote server those
of a URL; a table with fields of both makes Codex refuse the whole file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tomlkit

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import UsageError
from codexmcp.home.profiles.fragments import check_variable
from codexmcp.home.urls import check_url
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.secret_like import SecretPattern, holds_secret, names_secret

DEFAULT_STARTUP_TIMEOUT_S = 30.0
"""Source: Codex gives up on an unresponsive server after 30 s (all three builds)."""

_BLOCK = "mcp-server/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server in Codex's configuration.

    Attributes:
        name: The server's name.
        command: The program and its arguments; empty for a remote server.
        url: The endpoint of a remote server.
        env: Environment variables of the program, with values.
        env_vars: Environment variables passed on from Codex's environment.
        headers: Headers of every request.
        header_vars: Headers of every request, with values from variables.
        bearer_var: The variable with a bearer token.
        startup_timeout_s: Bound on the start; None means Codex's default.
        tool_timeout_s: Bound on a call; None means Codex's default.
        approval_mode: The approval mode of all tools; None means Codex's default.
        tool_modes: The approval modes of single tools.
        enabled_tools: The only tools used by Codex; None means all.
        disabled_tools: Tools not used by Codex.
        is_enabled: Codex starts the server.
        table: The server's table in config.toml; empty for a server from elsewhere.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    env_vars: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    header_vars: Mapping[str, str] = field(default_factory=dict[str, str])
    bearer_var: str | None = None
    startup_timeout_s: float | None = None
    tool_timeout_s: float | None = None
    approval_mode: str | None = None
    tool_modes: Mapping[str, str] = field(default_factory=dict[str, str])
    enabled_tools: tuple[str, ...] | None = None
    disabled_tools: tuple[str, ...] = ()
    is_enabled: bool = True
    table: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)

    @property
    def fault(self) -> str | None:
        """The reason why Codex refuses the whole config.toml; None for a valid transport.

        Source: `invalid transport`, even for a disabled server (0.153.4, 0.163.0, 0.171.0).
        """
        if bool(self.command) == (self.url is not None):
            both, neither = "both a command and a url", "neither a command nor a url"
            return f"it has {both if self.command else neither}"
        return None

    @property
    def block(self) -> str:
        """The name of the server's managed block."""
        return f"{_BLOCK}{self.name}"

    @property
    def target(self) -> str:
        """The command line or the URL."""
        return self.url or shlex.join(self.command)


def block_of(name: str) -> str:
    """Return the name of the managed block of a server.

    Raises:
        UsageError: The server's name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"invalid MCP server name {name!r}: use letters, digits and `-`, `_`, `.`, `:`, `/`"
        )
    return f"{_BLOCK}{name}"


def check_server(
    server: McpServer, shapes: Iterable[SecretPattern] = (), *, allow_secrets: bool = False
) -> None:
    """Refuse servers that Codex would not start with, and plain-text secrets.

    Args:
        server: The server.
        shapes: Patterns of secrets.
        allow_secrets: Accept plain-text secrets in the file.

    Raises:
        UsageError: The server is not valid; the message repeats no secret.
    """
    block_of(server.name)
    if bool(server.command) == bool(server.url):
        raise UsageError("give either --url URL, or -- and a command, and not both")
    if server.url is not None:
        check_url("--url", server.url)
        _refuse(server.env or server.env_vars, "--env and --env-var go with a command")
    else:
        _refuse(not server.command[0], "the command is empty; name a program behind --")
        remote = server.headers or server.header_vars or server.bearer_var
        _refuse(remote, "headers and tokens go with --url")
    known = list(shapes)
    for option, name in _variables(server):
        check_variable(option, name, known)
    for name in (*server.headers, *server.header_vars):
        _refuse(not _HEADER.fullmatch(name), f"invalid header name {name!r}")
    secret = None if allow_secrets else next(_secrets(server, known), None)
    if secret is not None:
        raise UsageError(
            f"{secret} looks like a secret; every program can read config.toml: "
            "name a variable with the secret (--env-var NAME, --env-header HEADER=NAME, "
            "--bearer-token-env-var NAME), or give --allow-secret-in-file"
        )


def _refuse(is_wrong: object, message: str) -> None:
    if is_wrong:
        raise UsageError(message)


def _variables(server: McpServer) -> Iterator[tuple[str, str]]:
    yield from (("--env", name) for name in server.env)
    yield from (("--env-var", name) for name in server.env_vars)
    yield from (("--env-header", name) for name in server.header_vars.values())
    if server.bearer_var is not None:
        yield "--bearer-token-env-var", server.bearer_var


def _secrets(server: McpServer, shapes: list[SecretPattern]) -> Iterator[str]:
    """Yield the locations of likely secrets."""
    for option, values in (("--env", server.env), ("--header", server.headers)):
        for name, value in values.items():
            if value and (names_secret(name) or holds_secret(value, shapes)):
                yield f"the value of {option} {name}"
    for number, word in enumerate(server.command, start=1):
        if holds_secret(word, shapes):
            yield f"word {number} of the command"
    if server.url is not None and holds_secret(server.url, shapes):
        yield "a part of --url"


def server_toml(server: McpServer) -> str:
    """Return the server as a table of config.toml."""
    table = tomlkit.table()
    for name, value in _fields(server):
        table.add(name, value)
    servers = tomlkit.table(is_super_table=True)
    servers.add(tomlkit.key(server.name), table)
    document = tomlkit.document()
    document.add("mcp_servers", servers)
    return tomlkit.dumps(document)


def _fields(server: McpServer) -> Iterator[tuple[str, Any]]:
    if server.url is None:
        yield "command", server.command[0]
        if server.command[1:]:
            yield "args", list(server.command[1:])
    else:
        yield "url", server.url
    for name, mapping in (
        ("env", server.env),
        ("http_headers", server.headers),
        ("env_http_headers", server.header_vars),
    ):
        if mapping:
            inline: Any = tomlkit.inline_table()
            inline.update(mapping)
            yield name, inline
    optional: dict[str, Any] = {
        "env_vars": list(server.env_vars) or None,
        "bearer_token_env_var": server.bearer_var,
        "startup_timeout_sec": server.startup_timeout_s,
        "tool_timeout_sec": server.tool_timeout_s,
        "default_tools_approval_mode": server.approval_mode,
        "enabled_tools": None if server.enabled_tools is None else list(server.enabled_tools),
        "disabled_tools": list(server.disabled_tools) or None,
        "enabled": None if server.is_enabled else False,
    }
    yield from ((name, value) for name, value in optional.items() if value is not None)


def read_server(name: str, table: Mapping[str, Any]) -> McpServer:
    """Return a server from its decoded table in config.toml; malformed values count as unset."""
    program = text_of(table.get("command"))
    allowed = table.get("enabled_tools")
    return McpServer(
        name=name,
        command=() if program is None else (program, *map(str, list_of(table.get("args")))),
        url=text_of(table.get("url")),
        env=_texts(table.get("env")),
        env_vars=tuple(_variable_name(each) for each in list_of(table.get("env_vars"))),
        headers=_texts(table.get("http_headers")),
        header_vars=_texts(table.get("env_http_headers")),
        bearer_var=text_of(table.get("bearer_token_env_var")),
        startup_timeout_s=_startup_timeout(table),
        tool_timeout_s=_number(table.get("tool_timeout_sec")),
        approval_mode=text_of(table.get("default_tools_approval_mode")),
        tool_modes={
            tool: mode
            for tool, value in object_of(table.get("tools")).items()
            if (mode := text_of(object_of(value).get("approval_mode")))
        },
        enabled_tools=None if allowed is None else tuple(map(str, list_of(allowed))),
        disabled_tools=tuple(map(str, list_of(table.get("disabled_tools")))),
        is_enabled=table.get("enabled") is not False,
        table=table,
    )


def _variable_name(value: object) -> str:
    return str(object_of(value).get("name", value))


def _startup_timeout(table: Mapping[str, Any]) -> float | None:
    milliseconds = _number(table.get("startup_timeout_ms"))
    seconds = _number(table.get("startup_timeout_sec"))
    return seconds if seconds is not None or milliseconds is None else milliseconds / 1000


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _texts(value: object) -> dict[str, str]:
    return {name: str(text) for name, text in object_of(value).items()}
