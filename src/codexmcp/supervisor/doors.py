"""A door: an entrance for clients beside the socket of the supervisor.

Independent of the kind of door: HTTP is a layer above.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from codexmcp.data_classes import dataclass
from codexmcp.policy.caller import Caller
from codexmcp.runs.service import RunService
from codexmcp.server.run_tools.tools import Check


@dataclass(frozen=True, slots=True)
class DoorServices:
    """The parts of the supervisor behind a door.

    Attributes:
        check: Returns the check of Codex and of the records of runs for a caller.
        status: Returns the status of the supervisor.
    """

    service: RunService
    check: Callable[[Caller], Check]
    status: Callable[[], Awaitable[Mapping[str, Any]]]


Door = Callable[[DoorServices], AbstractAsyncContextManager[Mapping[str, Any]]]
"""Keeps a door open during a block, and yields fields for the status of the supervisor."""
