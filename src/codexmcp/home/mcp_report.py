"""The report of an MCP server check, and its known pitfalls. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from codexmcp.data_classes import dataclass
from codexmcp.home.mcp_servers import DEFAULT_STARTUP_TIMEOUT_S, McpServer

INSTALLERS = frozenset({"npx", "bunx", "pnpx", "uvx"})
"""Programs that install a package before starting it, at least the first time."""

_VERSION = re.compile(r".+@\d[^/]*|.+==\d.*")
_OPTIONS_WITH_VALUE = frozenset({"--package", "-p", "--from", "--python", "--with"})


@dataclass(frozen=True, slots=True)
class McpReport:
    """The findings of a server check.

    Attributes:
        name: The server.
        tools: The names of its tools.
        took_s: Seconds until the answer; None without an answer.
        faults: Reasons why Codex cannot use the server; empty if usable.
        notes: Remarks.
        asked_for: Tools refused by Codex when nobody can approve them.
    """

    name: str
    tools: tuple[str, ...] = ()
    took_s: float | None = None
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked_for: tuple[str, ...] = ()

    @property
    def is_ok(self) -> bool:
        """True without faults."""
        return not self.faults


def startup_timeout_s(server: McpServer) -> float:
    """Return Codex's bound on the start of a server."""
    given = server.startup_timeout_s
    return DEFAULT_STARTUP_TIMEOUT_S if given is None else given


def judged(
    server: McpServer, tools: Sequence[str], took_s: float, junk: Sequence[str] = ()
) -> McpReport:
    """Return the report on a server that answered.

    Args:
        server: The server.
        tools: Its tools.
        took_s: Seconds until the answer.
        junk: Lines on stdout other than messages.
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


def unattended(report: McpReport) -> str | None:
    """Return a note on tools refused when nobody can approve them; None without such tools."""
    if not report.asked_for:
        return None
    is_all = len(report.asked_for) == len(report.tools)
    which = "every tool" if is_all else ", ".join(report.asked_for)
    return (
        f"refused when nobody can be asked, as in unattended runs: {which}; to let Codex call them "
        'without asking, set default_tools_approval_mode = "approve" for the server, or '
        'approval_mode = "approve" in its table tools.NAME'
    )


def failed(server: McpServer, reason: str, junk: Sequence[str] = ()) -> McpReport:
    """Return the report on an unusable server.

    Args:
        server: The server.
        reason: The failure.
        junk: Lines on stdout other than messages.
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
    """Return True if a line other than a message ends in a message."""
    return '"jsonrpc"' in line


_COLD_START = (
    "installs the server at its first start, which takes long, and what it prints meanwhile on "
    "stdout can break the handshake"
)


def package_of(command: Sequence[str]) -> str | None:
    """Return the package started by an installer such as npx; None for any other program.

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
    # Missing tools among the disabled ones do no harm.
    strange = [name for name in server.enabled_tools or () if name not in tools]
    if strange:
        yield f"enabled_tools names tools that it does not have: {', '.join(strange)}"


def _junk_notes(junk: Sequence[str]) -> Iterator[str]:
    harmless = [line for line in junk if not holds_message(line)]
    if harmless:
        yield (
            f"lines other than messages on stdout (number of lines: {len(harmless)}), e.g. "
            f"{_shown(harmless[0])}; Codex ignores them, other clients end the connection"
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
