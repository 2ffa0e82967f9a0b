"""`codexmcp mcp`: add, remove, list and check the MCP servers of a Codex home."""

from __future__ import annotations

import os

from codexmcp.cli.checks import Check, Checked, make_checks
from codexmcp.cli.home_changes import carry_out, home_folder
from codexmcp.cli.options.mcp import McpAddOptions, McpCheckOptions, McpRemoveOptions
from codexmcp.cli.options.parts import OutputFlags
from codexmcp.cli.output import Output
from codexmcp.cli.text import one_line, table
from codexmcp.codex.binary import find_codex
from codexmcp.errors import ConfigurationError, ExitCode
from codexmcp.home.mcp_codex import CodexQuery, check_by_codex
from codexmcp.home.mcp_plans import (
    ConfiguredServer,
    plan_add_server,
    plan_remove_server,
    servers_of,
)
from codexmcp.home.mcp_report import McpReport, unattended
from codexmcp.home.mcp_servers import McpServer, check_server
from codexmcp.runs.audit.secret_shapes import SHAPES
from codexmcp.settings import child_environment, load_settings


def list_servers(_: OutputFlags, output: Output) -> int:
    """List the servers in config.toml."""
    home = home_folder()
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


def _row(each: ConfiguredServer) -> tuple[str, ...]:
    state = "enabled" if each.server.is_enabled else "disabled"
    state = "refused" if each.server.fault else state
    target = each.server.fault or each.server.target
    author = "codexmcp" if each.is_managed else "sync" if each.is_synced else "others"
    return tuple(one_line(word) for word in (each.server.name, state, author, target))


def _as_json(each: ConfiguredServer) -> dict[str, object]:
    server = each.server
    return {
        "name": server.name,
        "managed": each.is_managed,
        "synced": each.is_synced,
        "enabled": server.is_enabled,
        "fault": server.fault,
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


def add(options: McpAddOptions, output: Output) -> int:
    """Add a server.

    Raises:
        UsageError: The options do not make a server.
        ConfigurationError: config.toml cannot be changed; then nothing is written.
    """
    home, server = home_folder(), _server(options)
    check_server(server, SHAPES, allow_secrets=options.allow_secret_in_file)
    done = carry_out(
        home,
        lambda: plan_add_server(home, server, replace=options.replace),
        output,
        dry_run=options.dry_run,
    )
    if output.is_json:
        output.say_json({"server": server.name, "dry_run": options.dry_run, **done.as_json()})
    elif not options.dry_run:
        changed = "added" if done.plan.changes else "there already"
        output.say(f"{server.name}: {changed}")
        output.note(f"  now: codexmcp mcp check {server.name}")
    return ExitCode.DONE


def _server(options: McpAddOptions) -> McpServer:
    return McpServer(
        name=options.name,
        command=options.command,
        url=options.url,
        env=dict(options.env),
        env_vars=options.env_var,
        headers=dict(options.header),
        header_vars=dict(options.env_header),
        bearer_var=options.bearer_token_env_var,
        startup_timeout_s=options.startup_timeout,
        tool_timeout_s=options.tool_timeout,
        approval_mode="approve" if options.approve_tools else options.approval_mode,
        enabled_tools=options.enable_tool or None,
        disabled_tools=options.disable_tool,
        is_enabled=not options.disabled,
    )


def remove(options: McpRemoveOptions, output: Output) -> int:
    """Remove a server.

    Raises:
        ConfigurationError: config.toml cannot be changed; then nothing is written.
    """
    home, name = home_folder(), options.name
    done = carry_out(
        home,
        lambda: plan_remove_server(home, name, replace=options.any),
        output,
        dry_run=options.dry_run,
    )
    if output.is_json:
        output.say_json({"server": name, "dry_run": options.dry_run, **done.as_json()})
    elif not options.dry_run:
        output.say(f"{name}: removed")
    return ExitCode.DONE


def check(options: McpCheckOptions, output: Output) -> int:
    """Start servers and list their tools.

    Raises:
        ConfigurationError: There is no such server, or no Codex.
    """
    home, names = home_folder(), options.names
    servers = {each.server.name: each.server for each in servers_of(home)}
    unknown = [name for name in names if name not in servers]
    if unknown:
        raise ConfigurationError(
            f"there is no MCP server {', '.join(unknown)} in {home / 'config.toml'}; servers "
            f"there: {', '.join(servers) or 'none'}"
        )
    chosen = [servers[name] for name in dict.fromkeys(names)] or [
        server for server in servers.values() if server.is_enabled or server.fault
    ]
    if not chosen:
        output.note(f"no MCP servers to check in {home / 'config.toml'}")
    settings = load_settings(os.environ)
    asking = CodexQuery(find_codex(settings.codex_bin), home, child_environment(os.environ))
    return make_checks((_check_of(server, asking) for server in chosen), output)


def _check_of(server: McpServer, asking: CodexQuery) -> Check:
    async def check() -> Checked:
        return _checked(server, await check_by_codex(server, asking))

    return Check(f"starting {server.name} …", check)


def _checked(server: McpServer, report: McpReport) -> Checked:
    time = "" if report.took_s is None else f" after {report.took_s:.1f} s"
    tools = ", ".join(report.tools) or "none"
    asked = unattended(report)
    notes = (*report.notes, *((asked,) if asked else ()))
    return Checked(
        is_ok=report.is_ok,
        head=f"{report.name}: {'ok' if report.is_ok else 'broken'}{time}",
        facts=(
            ("target", server.target or "-"),
            *([("tools", tools)] if report.took_s is not None else []),
            *(("wrong:", fault) for fault in report.faults),
            *(("note:", note) for note in notes),
        ),
        fields={
            "server": report.name,
            "ok": report.is_ok,
            "took_s": report.took_s,
            "tools": list(report.tools),
            "asked_for": list(report.asked_for),
            "faults": list(report.faults),
            "notes": list(notes),
        },
    )
