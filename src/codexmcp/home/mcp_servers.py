"""The MCP servers of a config.toml: as values, as TOML, and what may be written of them.

Pure. Source: names, fields and values are those that `codex app-server --strict-config` takes
(0.153.4, 0.163.0 and 0.169.0). A child has the fields of a command, a remote server those of a URL,
and Codex refuses the whole file if one has a field of the other.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import tomlkit

from codexmcp.errors import UsageError
from codexmcp.home.profiles.fragments import check_variable
from codexmcp.home.urls import check_url
from codexmcp.jsonvalues import list_of, object_of, text_of
from codexmcp.secret_like import Shape, holds_secret, names_secret

DEFAULT_STARTUP_TIMEOUT_S = 30.0
"""Source: a server that never answers is given up after 30 s (all three builds)."""

_BLOCK = "mcp-server/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class McpServer:
    """An MCP server as Codex is told of it.

    Attributes:
        name: What it is called.
        command: The program and its arguments; empty for a remote server.
        url: The endpoint of a remote server.
        env: Variables that the program gets.
        env_vars: Variables that the program gets from Codex's environment.
        headers: Headers of every request.
        header_vars: Headers of every request, taken from variables.
        bearer_var: The variable that holds a bearer token.
        startup_timeout_s: How long it may take to start; None means Codex's default.
        tool_timeout_s: How long a call may take; None means Codex's default.
        approval_mode: When Codex asks before it calls a tool; None means Codex's default.
        enabled_tools: The only tools that Codex uses; None means all.
        disabled_tools: Tools that it does not use.
        is_enabled: Whether Codex starts it.
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
    enabled_tools: tuple[str, ...] | None = None
    disabled_tools: tuple[str, ...] = ()
    is_enabled: bool = True

    @property
    def block(self) -> str:
        """The name of the managed block that it is written as."""
        return f"{_BLOCK}{self.name}"

    @property
    def target(self) -> str:
        """What it is started as, or where it is."""
        return self.url or shlex.join(self.command)


def block_of(name: str) -> str:
    """Return the name of the managed block of a server.

    Raises:
        UsageError: The name cannot name one.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name an MCP server: use letters, digits and `-`, `_`, `.`, `:`, `/`"
        )
    return f"{_BLOCK}{name}"


def check_server(
    server: McpServer, shapes: Iterable[Shape] = (), *, allow_secrets: bool = False
) -> None:
    """Refuse what Codex would not start with, and secrets that would lie in a file.

    Args:
        server: The server.
        shapes: What secrets look like.
        allow_secrets: Whether secrets may lie in the file.

    Raises:
        UsageError: It cannot be written like this; no secret is repeated.
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
        _refuse(not _HEADER.fullmatch(name), f"{name!r} cannot name a header")
    secret = None if allow_secrets else next(_secrets(server, known), None)
    if secret is not None:
        raise UsageError(
            f"{secret} looks like a secret, which would lie in config.toml for every program to "
            "read: name a variable that holds it (--env-var NAME, --env-header HEADER=NAME, "
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


def _secrets(server: McpServer, shapes: list[Shape]) -> Iterator[str]:
    """Yield the names of what looks like a secret."""
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
    """Return a server as a decoded table of config.toml tells it; what is strange counts as unset.

    Args:
        name: Its name.
        table: Its table.
    """
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
        enabled_tools=None if allowed is None else tuple(map(str, list_of(allowed))),
        disabled_tools=tuple(map(str, list_of(table.get("disabled_tools")))),
        is_enabled=table.get("enabled") is not False,
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
