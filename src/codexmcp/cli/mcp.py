"""`codexmcp mcp`: add, remove, list and check the MCP servers of a Codex home."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from codexmcp.cli.checks import Check, Checked, make_checks
from codexmcp.cli.home_changes import carry_out, home_folder
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line, table
from codexmcp.errors import ConfigurationError, ExitCode
from codexmcp.home.mcp_plans import (
    Configured,
    plan_add_server,
    plan_remove_server,
    servers_of,
)
from codexmcp.home.mcp_remote import check_remote
from codexmcp.home.mcp_report import McpReport
from codexmcp.home.mcp_servers import McpServer, check_server
from codexmcp.home.mcp_stdio import check_stdio
from codexmcp.runs.audit.secret_shapes import SHAPES


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        CodexMCPError: It cannot be done; then nothing is written.
    """
    output = Output(is_json=arguments.json)
    home = home_folder()
    try:
        match arguments.verb:
            case "list":
                return _list(home, output)
            case "add":
                return _add(home, arguments, output)
            case "remove":
                return _remove(home, arguments, output)
            case _:
                return _check(home, arguments.names, output)
    finally:
        output.close()


def _list(home: Path, output: Output) -> int:
    servers = servers_of(home)
    if output.is_json:
        output.say_json([_as_json(each) for each in servers])
    elif servers:
        rows = [("SERVER", "STATE", "WRITTEN BY", "TARGET"), *map(_row, servers)]
        for line in table(rows, output.width):
            output.say(line)
    else:
        output.note(f"no MCP servers in {home / 'config.toml'}")
    return ExitCode.DONE


def _row(each: Configured) -> tuple[str, ...]:
    state = "enabled" if each.server.is_enabled else "disabled"
    author = "codexmcp" if each.is_managed else "sync" if each.is_synced else "others"
    return tuple(one_line(word) for word in (each.server.name, state, author, each.server.target))


def _as_json(each: Configured) -> dict[str, object]:
    server = each.server
    return {
        "name": server.name,
        "managed": each.is_managed,
        "synced": each.is_synced,
        "enabled": server.is_enabled,
        "command": list(server.command) or None,
        "url": server.url,
        # Values may be secrets.
        "env": [*server.env, *server.env_vars],
        "headers": [*server.headers, *server.header_vars],
        "bearer_token_env_var": server.bearer_var,
        "startup_timeout_sec": server.startup_timeout_s,
        "tool_timeout_sec": server.tool_timeout_s,
        "default_tools_approval_mode": server.approval_mode,
        "enabled_tools": None if server.enabled_tools is None else list(server.enabled_tools),
        "disabled_tools": list(server.disabled_tools),
    }


def _add(home: Path, arguments: argparse.Namespace, output: Output) -> int:
    server = _server(arguments)
    check_server(server, SHAPES, allow_secrets=arguments.allow_secret_in_file)
    done = carry_out(
        home,
        lambda: plan_add_server(home, server, replace=arguments.replace),
        output,
        dry_run=arguments.dry_run,
    )
    if output.is_json:
        output.say_json({"server": server.name, "dry_run": arguments.dry_run, **done.as_json()})
    elif not arguments.dry_run:
        changed = "added" if done.plan.changes else "there already"
        output.say(f"{server.name}: {changed}")
        output.note(f"  now: codexmcp mcp check {server.name}")
    return ExitCode.DONE


def _server(arguments: argparse.Namespace) -> McpServer:
    return McpServer(
        name=arguments.name,
        command=tuple(arguments.command),
        url=arguments.url,
        env=dict(arguments.env),
        env_vars=tuple(arguments.env_var),
        headers=dict(arguments.header),
        header_vars=dict(arguments.env_header),
        bearer_var=arguments.bearer_token_env_var,
        startup_timeout_s=arguments.startup_timeout,
        tool_timeout_s=arguments.tool_timeout,
        approval_mode=arguments.approval_mode,
        enabled_tools=None if arguments.enable_tool is None else tuple(arguments.enable_tool),
        disabled_tools=tuple(arguments.disable_tool or ()),
        is_enabled=not arguments.disabled,
    )


def _remove(home: Path, arguments: argparse.Namespace, output: Output) -> int:
    name: str = arguments.name
    done = carry_out(
        home,
        lambda: plan_remove_server(home, name, replace=arguments.replace),
        output,
        dry_run=arguments.dry_run,
    )
    if output.is_json:
        output.say_json({"server": name, "dry_run": arguments.dry_run, **done.as_json()})
    elif not arguments.dry_run:
        output.say(f"{name}: removed")
    return ExitCode.DONE


def _check(home: Path, names: list[str], output: Output) -> int:
    servers = {each.server.name: each.server for each in servers_of(home)}
    unknown = [name for name in names if name not in servers]
    if unknown:
        raise ConfigurationError(
            f"there is no MCP server {', '.join(unknown)} in {home / 'config.toml'}; servers "
            f"there: {', '.join(servers) or 'none'}"
        )
    chosen = [servers[name] for name in dict.fromkeys(names)] or [
        server for server in servers.values() if server.is_enabled
    ]
    if not chosen:
        output.note(f"no MCP servers to check in {home / 'config.toml'}")
    return make_checks((_check_of(server) for server in chosen), output)


def _check_of(server: McpServer) -> Check:
    async def check() -> Checked:
        start = check_stdio if server.url is None else check_remote
        return _checked(server, await start(server, os.environ))

    return Check(f"starting {server.name} …", check)


def _checked(server: McpServer, report: McpReport) -> Checked:
    time = "" if report.took_s is None else f" after {report.took_s:.1f} s"
    tools = ", ".join(report.tools) or "none"
    return Checked(
        is_ok=report.is_ok,
        head=f"{report.name}: {'ok' if report.is_ok else 'broken'}{time}",
        facts=(
            ("target", server.target),
            *([("tools", tools)] if report.took_s is not None else []),
            *(("wrong:", fault) for fault in report.faults),
            *(("note:", note) for note in report.notes),
        ),
        fields={
            "server": report.name,
            "ok": report.is_ok,
            "took_s": report.took_s,
            "tools": list(report.tools),
            "faults": list(report.faults),
            "notes": list(report.notes),
        },
    )
