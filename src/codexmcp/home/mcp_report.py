"""What a check of an MCP server says, and the traps that it knows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from codexmcp.home.mcp_servers import DEFAULT_STARTUP_TIMEOUT_S, McpServer

INSTALLERS = frozenset({"npx", "bunx", "pnpx", "uvx"})
"""Programs that install what they start, the first time at least."""

_VERSION = re.compile(r".+@\d[^/]*|.+==\d.*")
_OPTIONS_WITH_VALUE = frozenset({"--package", "-p", "--from", "--python", "--with"})


@dataclass(frozen=True, slots=True)
class McpReport:
    """What a check of a server has found.

    Attributes:
        name: The server.
        tools: The names of its tools.
        took_s: How long it took until it had answered; None when it never did.
        faults: What is wrong; empty when Codex can use it.
        notes: What is worth knowing.
    """

    name: str
    tools: tuple[str, ...] = ()
    took_s: float | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def startup_timeout_s(server: McpServer) -> float:
    """Return how long Codex waits for a server to start."""
    given = server.startup_timeout_s
    return DEFAULT_STARTUP_TIMEOUT_S if given is None else given


def judged(
    server: McpServer, tools: Sequence[str], took_s: float, junk: Sequence[str] = ()
) -> McpReport:
    """Return the report on a server that has answered.

    Args:
        server: The server.
        tools: Its tools.
        took_s: How long that took, in seconds.
        junk: What it wrote to stdout that is no message.
    """
    limit = startup_timeout_s(server)
    faults: list[str] = []
    if took_s > limit:
        faults.append(
            f"it took {took_s:.1f} s to start, and Codex gives up after {limit:g} s; "
            f"{_installer_remedy(server) or 'raise startup_timeout_sec'}"
        )
    notes = [*_tool_notes(server, tools), *_junk_notes(junk), *_pin_notes(server)]
    return McpReport(server.name, tuple(tools), took_s, tuple(faults), tuple(notes))


def failed(server: McpServer, reason: str, junk: Sequence[str] = ()) -> McpReport:
    """Return the report on a server that could not be used.

    Args:
        server: The server.
        reason: What happened.
        junk: What it wrote to stdout that is no message.
    """
    faults = [reason]
    swallowed = next((line for line in junk if holds_message(line)), None)
    if swallowed is not None:
        faults.append(
            f"it wrote other text right before a message: {_shown(swallowed)}; "
            f"{_installer_remedy(server) or 'have it write that to stderr'}"
        )
    elif remedy := _installer_remedy(server):
        faults.append(f"{PurePath(server.command[0]).name} {_COLD_START}; {remedy}")
    return McpReport(server.name, faults=tuple(faults), notes=tuple(_junk_notes(junk)))


def holds_message(line: str) -> bool:
    """Return whether a line that is no message ends in one."""
    return '"jsonrpc"' in line


_COLD_START = (
    "installs the server at its first start, which takes long, and what it prints meanwhile on "
    "stdout can break the handshake"
)


def package_of(command: Sequence[str]) -> str | None:
    """Return the package that an installer such as npx starts; None for any other program.

    Args:
        command: The program and its arguments.
    """
    if not command or PurePath(command[0]).name.removesuffix(".cmd") not in INSTALLERS:
        return None
    words = iter(command[1:])
    for word in words:
        if word in _OPTIONS_WITH_VALUE:
            return next(words, None)
        if not word.startswith("-"):
            return word
    return None


def _installer_remedy(server: McpServer) -> str | None:
    package = package_of(server.command)
    if package is None:
        return None
    is_node = PurePath(server.command[0]).name.removesuffix(".cmd") != "uvx"
    install = "npm install -g" if is_node else "uv tool install"
    return (
        f"install it before (`{install} {package}`), pin its version, and name the installed "
        "program as the command"
    )


def _tool_notes(server: McpServer, tools: Sequence[str]) -> Iterator[str]:
    for option, names in (
        ("enabled_tools", server.enabled_tools or ()),
        ("disabled_tools", server.disabled_tools),
    ):
        strange = [name for name in names if name not in tools]
        if strange:
            yield f"{option} names tools that it does not have: {', '.join(strange)}"


def _junk_notes(junk: Sequence[str]) -> Iterator[str]:
    harmless = [line for line in junk if not holds_message(line)]
    if harmless:
        yield (
            f"it wrote to stdout what is no message (number of lines: {len(harmless)}), such as "
            f"{_shown(harmless[0])}; Codex passes over it, other clients end the connection"
        )


def _pin_notes(server: McpServer) -> Iterator[str]:
    package = package_of(server.command)
    if package is not None and not _VERSION.fullmatch(package):
        yield (
            f"{package} has no version, so that each start may install another one, and the first "
            f"one does; {_installer_remedy(server)}"
        )


def _shown(line: str) -> str:
    text = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
    return repr(text)


_SHOWN = 60
