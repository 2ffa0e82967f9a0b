"""Plans for adding and removing MCP servers of a Codex home.

Reads the home and writes nothing; `home.applying` writes the changes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from codexmcp.data_classes import dataclass, field
from codexmcp.errors import ConfigurationError, UsageError
from codexmcp.home.block_markers import BlockError
from codexmcp.home.changes import FileChange, effective, read_file, text_of_file
from codexmcp.home.mcp_servers import McpServer, block_of, read_server, server_toml
from codexmcp.home.orphan_markers import without_orphan_markers
from codexmcp.home.profiles.files import parsed
from codexmcp.home.sync.repository import FRAGMENT
from codexmcp.home.sync.wanted import CONFIG_BLOCK
from codexmcp.home.toml_blocks import EditedBlockError, plan_block, plan_removal, read_block
from codexmcp.home.toml_sections import sections, without
from codexmcp.jsonvalues import object_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class McpPlan:
    """Changes of a home."""

    changes: list[FileChange] = field(default_factory=list[FileChange])


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """A server of a config.toml.

    Attributes:
        server: The server.
        is_managed: The server has a managed block.
        is_synced: The server is in the block deployed by `codexmcp sync`.
    """

    server: McpServer
    is_managed: bool
    is_synced: bool = False


def servers_of(home: Path) -> list[ConfiguredServer]:
    """Return the MCP servers of a home in file order.

    Raises:
        ConfigurationError: config.toml is unreadable or broken.
    """
    path, _, text = _config(home)
    synced = _synced(path, text)
    return [
        ConfiguredServer(
            read_server(name, object_of(table)), _is_managed(path, text, name), name in synced
        )
        for name, table in _tables(path, text).items()
    ]


def plan_add_server(home: Path, server: McpServer, *, replace: bool = False) -> McpPlan:
    """Return the changes for adding a server.

    Args:
        home: The Codex home.
        server: The server.
        replace: Replace a different server of the same name.

    Raises:
        ConfigurationError: The name is taken, or config.toml is broken; names the line.
    """
    path, data, text = _config(home)
    body = server_toml(server)
    _refuse_synced(path, text, server.name)
    there = _guarded(path, lambda: read_block(text, server.block))
    is_foreign = there is None and server.name in _tables(path, text)
    if (is_foreign or there not in {None, body}) and not replace:
        raise ConfigurationError(
            f"{path} has an MCP server {server.name!r} that is written differently, or by somebody "
            "else; give --replace to replace it"
        )
    if is_foreign:
        text = _without(path, text, server.name)
    result = _guarded(path, lambda: plan_block(text, server.block, body, overwrite=replace))
    return McpPlan(effective([FileChange(path, data, result.encode())]))


def plan_remove_server(home: Path, name: str, *, replace: bool = False) -> McpPlan:
    """Return the changes for removing a server.

    Args:
        home: The Codex home.
        name: The server.
        replace: Also remove a server written or edited by others.

    Raises:
        ConfigurationError: No such server, a server of others, or a broken config.toml.
    """
    path, data, text = _config(home)
    _refuse_synced(path, text, name)
    is_ours = _is_managed(path, text, name)
    tables = _tables(path, text)
    if not is_ours and name not in tables:
        known = ", ".join(tables) or "none"
        raise ConfigurationError(f"there is no MCP server {name!r} in {path}; there are: {known}")
    if not is_ours and not replace:
        raise ConfigurationError(
            f"the MCP server {name!r} in {path} was not written by codexmcp (or `codex mcp` has "
            "rewritten it since); remove it with --any"
        )
    if is_ours:
        block = block_of(name)
        result = _guarded(path, lambda: plan_removal(text, block, overwrite=replace))
    else:
        result = _without(path, text, name)
    return McpPlan(effective([FileChange(path, data, result.encode())]))


def _config(home: Path) -> tuple[Path, bytes | None, str]:
    path = home / "config.toml"
    data = read_file(path)
    return path, data, without_orphan_markers(text_of_file(path, data))


def _tables(path: Path, text: str) -> dict[str, Any]:
    return object_of(parsed(path, text).get("mcp_servers"))


def _without(path: Path, text: str, name: str) -> str:
    """Return the text without a server outside our blocks."""
    own = ("mcp_servers", name)
    result = without(text, sections(text, lambda statement: statement[: len(own)] == own))
    before, after = parsed(path, text), parsed(path, result)
    del before["mcp_servers"][name]
    if {"mcp_servers": {}, **after} != {"mcp_servers": {}, **before}:
        raise ConfigurationError(
            f"{path}: the MCP server {name!r} cannot be removed without changing other settings; "
            "delete it by hand"
        )
    return result


def _is_managed(path: Path, text: str, name: str) -> bool:
    try:
        block = block_of(name)
    except UsageError:  # Codex accepts more names than we do
        return False
    return _guarded(path, lambda: read_block(text, block)) is not None


def _synced(path: Path, text: str) -> set[str]:
    """Return the names of the servers in the block deployed by `codexmcp sync`."""
    body = _guarded(path, lambda: read_block(text, CONFIG_BLOCK))
    return set(_tables(path, body or ""))


def _refuse_synced(path: Path, text: str, name: str) -> None:
    if name in _synced(path, text):
        raise ConfigurationError(
            f"the MCP server {name!r} in {path} was deployed by `codexmcp sync`; change it or take "
            f"it out in the repository's {FRAGMENT}, and push"
        )


def _guarded(path: Path, act: Callable[[], T]) -> T:
    """Return the result of a text function, with the file in its errors."""
    try:
        return act()
    except EditedBlockError as error:
        raise ConfigurationError(f"{path}, {error} (--replace, or --any)") from None
    except BlockError as error:
        remedy = ""
        if f"block '{CONFIG_BLOCK}" in error.problem:
            remedy = "; if `codex mcp` did it, `codexmcp sync push-runtime` repairs it"
        raise ConfigurationError(f"{path}, {error}{remedy}") from None
