"""The tools behind an MCP server, and the form of a tool call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from codexmcp.data_classes import dataclass, field
from codexmcp.jsonrpc import messages
from codexmcp.jsonvalues import is_object
from codexmcp.server.engine import Engine

if TYPE_CHECKING:
    # A server without these tools does not wait for their import.
    from codexmcp.server.run_tools.tools import RunTools

Method = Callable[[messages.JsonObject], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Services:
    """Services for a client.

    Attributes:
        engine: The tools `codex` and `codex-reply`. None: not offered.
        run_tools: The tools of supervised runs. None: not offered.
        methods: Further methods outside MCP, by name.
    """

    engine: Engine | None = None
    run_tools: RunTools | None = None
    methods: Mapping[str, Method] = field(default_factory=dict[str, Method])


def is_call(params: messages.JsonObject) -> bool:
    """Return whether the parameters of `tools/call` are complete."""
    arguments = params.get("arguments")
    return isinstance(params.get("name"), str) and (arguments is None or is_object(arguments))
