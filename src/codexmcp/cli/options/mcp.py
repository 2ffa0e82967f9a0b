"""The options of `codexmcp mcp`."""

from __future__ import annotations

import argparse

from codexmcp.cli.options.parts import OutputFlags, WritingFlags
from codexmcp.command_line import Command, argument, flag, option, repeated, rest
from codexmcp.data_classes import dataclass
from codexmcp.units import positive_seconds

_APPROVAL_MODES = ("auto", "prompt", "writes", "approve")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        # The text may be a secret, so the error does not repeat it.
        raise argparse.ArgumentTypeError("it must look like NAME=VALUE")
    return name, value


@dataclass(frozen=True, kw_only=True)
class McpAddOptions(WritingFlags):
    """The options of `codexmcp mcp add`."""

    name: str = argument("the server", "NAME")
    url: str | None = option("a remote server (Streamable HTTP)", "URL")
    env: tuple[tuple[str, str], ...] = repeated(
        "a variable for the command", "NAME=VALUE", parse=_pair
    )
    header: tuple[tuple[str, str], ...] = repeated(
        "a header of every request", "NAME=VALUE", parse=_pair
    )
    env_header: tuple[tuple[str, str], ...] = repeated(
        "a header with the value of a variable", "NAME=VARIABLE", parse=_pair
    )
    env_var: tuple[str, ...] = repeated(
        "a variable that the command gets from Codex's environment", "VARIABLE"
    )
    bearer_token_env_var: str | None = option("the variable with the bearer token", "VARIABLE")
    startup_timeout: float | None = option(
        "default: Codex's own, 30", "SECONDS", parse=positive_seconds
    )
    tool_timeout: float | None = option("bound on one call", "SECONDS", parse=positive_seconds)
    approve_tools: bool = flag("let Codex call its tools without asking", exclusive="approval")
    approval_mode: str | None = option(
        f"when Codex asks: {', '.join(_APPROVAL_MODES)}",
        "MODE",
        choices=_APPROVAL_MODES,
        exclusive="approval",
    )
    enable_tool: tuple[str, ...] = repeated("only this tool; may be given several times", "TOOL")
    disable_tool: tuple[str, ...] = repeated("not this tool; may be given several times", "TOOL")
    disabled: bool = flag("write it, but do not use it yet")
    allow_secret_in_file: bool = flag("write secrets into config.toml")
    replace: bool = flag("replace a server with other settings")
    command: tuple[str, ...] = rest("COMMAND")


@dataclass(frozen=True, kw_only=True)
class McpRemoveOptions(WritingFlags):
    """The options of `codexmcp mcp remove`."""

    name: str = argument("the server", "NAME")
    any: bool = flag("also a server that was written or edited by others")


@dataclass(frozen=True, kw_only=True)
class McpCheckOptions(OutputFlags):
    """The options of `codexmcp mcp check`."""

    names: tuple[str, ...] = argument("default: all that are enabled", "NAME", nargs="*")


COMMANDS = (
    Command(
        name="mcp",
        summary="add, list and check the MCP servers that Codex uses",
        description="The MCP servers that Codex uses, in config.toml of the Codex home.",
        epilog="""\
examples:
  codexmcp mcp add files -- \\
      npx -y @modelcontextprotocol/server-filesystem@2026.8.31 /home/me
  codexmcp mcp add docs --url https://host/mcp --bearer-token-env-var DOCS_TOKEN
  codexmcp mcp check

Each server is a managed block of config.toml; the rest of the file stays as it
is.
Exit codes: 0 done, 1 a check has found faults, 2 usage, 78 config.toml is in
the way.
""",
        commands=(
            Command(
                "list",
                "list the servers, also those that codexmcp did not write",
                "mcp:list_servers",
                OutputFlags,
            ),
            Command(
                "add",
                "add a server",
                "mcp:add",
                McpAddOptions,
                usage="codexmcp mcp add [OPTIONS] NAME -- COMMAND [ARGUMENTS]\n"
                "       codexmcp mcp add [OPTIONS] NAME --url URL",
            ),
            Command(
                name="remove", summary="remove a server", run="mcp:remove", options=McpRemoveOptions
            ),
            Command(
                "check",
                "start servers for real, and list their tools",
                "mcp:check",
                McpCheckOptions,
            ),
        ),
    ),
)
