"""A further door by which clients reach the supervisor, beside its socket.

Must not know what kind of door: HTTP lies above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from codexmcp.runs.service import RunService
from codexmcp.server.run_tools.arguments import Caller
from codexmcp.server.run_tools.tools import Check


@dataclass(frozen=True, slots=True)
class Inside:
    """What a door leads to.

    Attributes:
        service: The runs.
        check: Tells whether Codex and the records of runs can be used.
        status: Tells how the supervisor is.
    """

    service: RunService
    check: Callable[[Caller], Check]
    status: Callable[[], Mapping[str, Any]]


Door = Callable[[Inside], AbstractAsyncContextManager[Mapping[str, Any]]]
"""Opens a door while its block runs, and gives what the supervisor's status tells of it."""
